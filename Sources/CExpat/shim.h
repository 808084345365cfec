#ifndef OUTPUTFS_CEXPAT_H
#define OUTPUTFS_CEXPAT_H
#include <expat.h>
#endif
