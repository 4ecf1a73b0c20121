/* SPDX-License-Identifier: MIT */
/* ranks.h - theta's vectors where several processes are one run: see params.h. */
#ifndef SEAL_RANKS_H
#define SEAL_RANKS_H

#include "params.h"

size_t ranks_bytes(long n);               /* that are needed beside vectors of n values */
void ranks_sum(struct params *);          /* this rank's part of g becomes the sum of all ranks' */
void ranks_gather(const struct params *); /* each rank's part of p becomes everybody's */

#endif
