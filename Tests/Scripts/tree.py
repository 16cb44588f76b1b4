#!/usr/bin/env python3
"""tree.py DIRECTORY [SKIP...]   prints everything about each file of a tree but the times of directories, without the names SKIP"""
import hashlib
import os
import stat
import sys

root, left_out = sys.argv[1], set(sys.argv[2:])
names, lines = {}, []
for directory, directories, files in os.walk(root):
    for name in sorted(directories + files):
        path = os.path.join(directory, name)
        place = os.path.relpath(path, root)
        if place.split("/")[0] in left_out or place in left_out:
            continue
        status = os.lstat(path)
        kind = stat.S_IFMT(status.st_mode)
        content = ""
        if kind == stat.S_IFREG:
            content = hashlib.sha256(open(path, "rb").read()).hexdigest()
        elif kind == stat.S_IFLNK:
            content = os.readlink(path)
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            content = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
        attributes = [(key, os.getxattr(path, key, follow_symlinks=False)) for key in sorted(os.listxattr(path, follow_symlinks=False))]
        rest = "" if kind == stat.S_IFDIR else f"{status.st_nlink} {int(status.st_mtime)}"
        lines.append(f"{ascii(place)} {status.st_mode:o} {status.st_uid}:{status.st_gid} {rest} {content} {attributes}")
        if kind != stat.S_IFDIR and status.st_nlink > 1:
            names.setdefault(status.st_ino, []).append(ascii(place))
lines += [f"one file: {' '.join(sorted(group))}" for group in names.values()]
print("\n".join(sorted(lines)))
