// libfuse's low-level API. 312 is the oldest interface with fuse_loop_cfg and custom I/O; Debian 12 ships 3.14.
#ifndef OUTPUTFS_CFUSE3_H
#define OUTPUTFS_CFUSE3_H
#define FUSE_USE_VERSION 312
#include <fuse3/fuse_lowlevel.h>
#endif
