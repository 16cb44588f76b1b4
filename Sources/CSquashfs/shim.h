// libsquashfs for Swift. Each line after the includes says why it is there.
#ifndef SWIFT_SIF_CSQUASHFS_SHIM_H
#define SWIFT_SIF_CSQUASHFS_SHIM_H

#include <stddef.h>
#include <sqfs/compressor.h>
#include <sqfs/dir_writer.h>
#include <sqfs/error.h>
#include <sqfs/frag_table.h>
#include <sqfs/id_table.h>
#include <sqfs/inode.h>
#include <sqfs/io.h>
#include <sqfs/meta_writer.h>
#include <sqfs/predef.h>
#include <sqfs/super.h>
#include <sqfs/xattr.h>
#include <sqfs/xattr_writer.h>

// `data` is an anonymous union at the end of a struct. Setting one of its fields from Swift would copy the whole.
static inline void squashfs_directory_set_link_count(sqfs_inode_generic_t *inode, uint32_t count) {
  if (inode->base.type == SQFS_INODE_DIR)
    inode->data.dir.nlink = count;
  else
    inode->data.dir_ext.nlink = count;
}

#endif
