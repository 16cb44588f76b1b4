// driver.c   uses a GPU through NVIDIA's driver alone: lists the devices, and lets the first one add two vectors
//
// The driver's library is opened by name, as CUDA's own libraries do it, so that this program needs nothing of CUDA to
// be built. Exits with 1 and a sentence if a step fails.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

// c[i] = a[i] + b[i], for the driver's compiler.
static const char *kernel =
    ".version 6.0\n.target sm_50\n.address_size 64\n"
    ".visible .entry add(.param .u64 a, .param .u64 b, .param .u64 c) {\n"
    "  .reg .u32 %i; .reg .f32 %x<3>; .reg .u64 %p<5>;\n"
    "  mov.u32 %i, %tid.x; mul.wide.u32 %p4, %i, 4;\n"
    "  ld.param.u64 %p0, [a]; ld.param.u64 %p1, [b]; ld.param.u64 %p2, [c];\n"
    "  add.u64 %p0, %p0, %p4; add.u64 %p1, %p1, %p4; add.u64 %p2, %p2, %p4;\n"
    "  ld.global.f32 %x0, [%p0]; ld.global.f32 %x1, [%p1]; add.f32 %x2, %x0, %x1; st.global.f32 [%p2], %x2; ret;\n"
    "}\n";

static void *library;

static void *find(const char *name) {
  void *function = dlsym(library, name);
  if (!function) {
    fprintf(stderr, "the driver has no %s\n", name);
    exit(1);
  }
  return function;
}

static void check(int result, const char *step) {
  if (result == 0) return;
  const char *reason = NULL;
  ((int (*)(int, const char **))find("cuGetErrorString"))(result, &reason);
  fprintf(stderr, "%s: %s (%d)\n", step, reason ? reason : "unknown error", result);
  exit(1);
}

#define CALL(name, types, ...) check(((int (*) types)find(#name))(__VA_ARGS__), #name)

int main(void) {
  library = dlopen("libcuda.so.1", RTLD_NOW);
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  int version = 0, count = 0;
  CALL(cuInit, (unsigned), 0);
  CALL(cuDriverGetVersion, (int *), &version);
  CALL(cuDeviceGetCount, (int *), &count);
  printf("driver for CUDA %d.%d, %d device(s)\n", version / 1000, version % 1000 / 10, count);
  for (int index = 0; index < count; index++) {
    int device;
    char name[256];
    CALL(cuDeviceGet, (int *, int), &device, index);
    CALL(cuDeviceGetName, (char *, int, int), name, sizeof name, device);
    printf("device %d: %s\n", index, name);
  }
  int device;
  void *context, *module, *function;
  unsigned long long a, b, c;
  float first[32], second[32], sum[32];
  CALL(cuDeviceGet, (int *, int), &device, 0);
  CALL(cuDevicePrimaryCtxRetain, (void **, int), &context, device);
  CALL(cuCtxSetCurrent, (void *), context);
  CALL(cuModuleLoadData, (void **, const void *), &module, kernel);
  CALL(cuModuleGetFunction, (void **, void *, const char *), &function, module, "add");
  for (int i = 0; i < 32; i++) first[i] = i, second[i] = 2 * i;
  CALL(cuMemAlloc_v2, (unsigned long long *, size_t), &a, sizeof first);
  CALL(cuMemAlloc_v2, (unsigned long long *, size_t), &b, sizeof first);
  CALL(cuMemAlloc_v2, (unsigned long long *, size_t), &c, sizeof first);
  CALL(cuMemcpyHtoD_v2, (unsigned long long, const void *, size_t), a, first, sizeof first);
  CALL(cuMemcpyHtoD_v2, (unsigned long long, const void *, size_t), b, second, sizeof first);
  void *arguments[] = {&a, &b, &c};
  CALL(cuLaunchKernel,
       (void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **), function,
       1, 1, 1, 32, 1, 1, 0, NULL, arguments, NULL);
  CALL(cuMemcpyDtoH_v2, (void *, unsigned long long, size_t), sum, c, sizeof sum);
  for (int i = 0; i < 32; i++)
    if (sum[i] != 3 * i) {
      fprintf(stderr, "element %d is %f, not %d\n", i, sum[i], 3 * i);
      return 1;
    }
  puts("32 sums are right");
  return 0;
}
