/* SPDX-License-Identifier: MIT */
/* dlfcn.h - what is opened at run time is the simulator's own: NCCL (nccl.cc), unless CUDASIM_NCCL
 * is 0. */
#ifndef CUDASIM_DLFCN_H
#define CUDASIM_DLFCN_H

enum { RTLD_NOW = 2 };
void *cudasim_open(const char *name);
void *cudasim_symbol(void *, const char *name);
#define dlopen(name, how) cudasim_open(name)
#define dlsym cudasim_symbol

#endif
