import SystemPackage

/// The names of a vendor's libraries, programs and files, as in the runtimes' `nvliblist.conf` and `rocmliblist.conf`.
public struct DriverList: Sendable, Equatable {
  /// Beginnings of libraries' names, such as `libcuda.so`, or absolute paths of libraries.
  public var libraries: [String] = []
  /// Names of programs.
  public var programs: [String] = []
  /// Absolute paths of other files.
  public var files: [String] = []

  /// Reads a list: one entry a line, `#` begins a comment. An entry with `.so` in it is a library, an absolute path is a
  /// file, everything else is a program.
  ///
  /// Entries that name no single file, such as `.` or `a/b`, are passed over.
  public init(parsing text: [UInt8]) {
    for line in text.split(separator: 0x0A) {
      let entry = String(decoding: line.trimmingBlanks, as: UTF8.self)
      guard !entry.isEmpty, !entry.hasPrefix("#"), !entry.utf8.contains(0) else { continue }
      let path = FilePath(entry)
      let isName = !entry.utf8.contains(0x2F)
      guard isName ? path.lastComponent?.kind == .regular : path.isAbsolute else { continue }
      if entry.contains(".so") {
        libraries.append(entry)
      } else if isName {
        programs.append(entry)
      } else {
        files.append(entry)
      }
    }
  }

  private init(libraries: String, programs: String, files: [String] = []) {
    self.libraries = libraries.split(whereSeparator: \.isWhitespace).map { "\($0).so" }
    self.programs = programs.split(whereSeparator: \.isWhitespace).map(String.init)
    self.files = files
  }

  /// What NVIDIA's driver brings, where the administrators have no list of their own.
  public static let nvidia = DriverList(
    libraries: """
      libcuda libcudadebugger libEGL_installertest libEGL_nvidia libEGL libGLdispatch libGLESv1_CM_nvidia libGLESv1_CM \
      libGLESv2_nvidia libGLESv2 libGL libGLX_installertest libGLX_nvidia libglx libGLX libnvcucompat libnvcudla \
      libnvcuextend libnvcuvid libnvidia-allocator libnvidia-cbl libnvidia-cfg libnvidia-compiler libnvidia-egl-gbm \
      libnvidia-egl-wayland libnvidia-eglcore libnvidia-encode libnvidia-fatbinaryloader libnvidia-fbc libnvidia-glcore \
      libnvidia-glsi libnvidia-glvkspirv libnvidia-gpucomp libnvidia-gtk2 libnvidia-gtk3 libnvidia-ifr libnvidia-ml \
      libnvidia-nvvm libnvidia-opencl libnvidia-opticalflow libnvidia-pkcs11 libnvidia-ptxjitcompiler \
      libnvidia-rmapi-tegra libnvidia-rtcore libnvidia-tls libnvidia-wfb libnvoptix libnvos libnvosd libnvrm_chip \
      libnvrm_gpu libnvrm_host1x libnvrm_mem libnvrm_stream libnvrm_surface libnvrm_sync libnvsciipc libnvsocsys \
      libnvtegrahv libOpenCL libOpenGL libvdpau_nvidia nvidia_drv tls_test_
      """,
    programs:
      "nvidia-smi nvidia-debugdump nvidia-persistenced nvidia-cuda-mps-control nvidia-cuda-mps-server",
    files: [
      "/usr/share/glvnd/egl_vendor.d/10_nvidia.json", "/usr/share/vulkan/icd.d/nvidia_icd.json",
      "/usr/share/vulkan/icd.d/nvidia_layers.json", "/usr/share/vulkan/implicit_layer.d/nvidia_layers.json",
      "/usr/share/egl/egl_external_platform.d/15_nvidia_gbm.json",
      "/usr/share/egl/egl_external_platform.d/10_nvidia_wayland.json", "/usr/share/nvidia/nvoptix.bin",
    ])

  /// What AMD's driver brings. Its libraries for programs come with the image: those of the host could be of another
  /// version than the image's others.
  public static let rocm = DriverList(
    libraries: """
      libCXLActivityLogger libhc_am libmcwamp libmcwamp_cpu libmcwamp_hsa libdrm libdrm_amdgpu libnuma libpci \
      librocr_debug_agent64 libamdcomgr64 libamdocl64 libcltrace libOpenCL
      """,
    programs: "rocm-smi rocminfo")
}

extension ArraySlice<UInt8> {
  /// Without blanks, tabs and carriage returns at both ends.
  fileprivate var trimmingBlanks: ArraySlice<UInt8> {
    let blanks: [UInt8] = [0x20, 0x09, 0x0D]
    let start = drop { blanks.contains($0) }
    let end = start.lastIndex { !blanks.contains($0) }
    return end.map { start[...$0] } ?? []
  }
}
