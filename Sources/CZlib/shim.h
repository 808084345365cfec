#ifndef OUTPUTFS_CZLIB_H
#define OUTPUTFS_CZLIB_H
#include <zlib.h>
#endif
