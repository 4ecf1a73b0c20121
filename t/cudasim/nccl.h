/* SPDX-License-Identifier: MIT */
/* nccl.h - the part of NCCL that the simulator has (nccl.cc). */
#ifndef CUDASIM_NCCL_H
#define CUDASIM_NCCL_H

#include "cuda_runtime.h"

typedef struct nccl_comm *ncclComm_t;
enum ncclResult_t {
	ncclSuccess = 0, ncclSystemError = 2, ncclInvalidArgument = 4, ncclInvalidUsage = 5,
};
enum ncclDataType_t { ncclFloat32 = 7 };
struct ncclUniqueId { char internal[128]; };

ncclResult_t ncclGetUniqueId(ncclUniqueId *);
ncclResult_t ncclCommInitRank(ncclComm_t *, int ranks, ncclUniqueId, int rank);
ncclResult_t ncclCommDestroy(ncclComm_t);
ncclResult_t ncclGroupStart();
ncclResult_t ncclGroupEnd();
ncclResult_t ncclSend(const void *, size_t count, ncclDataType_t, int peer, ncclComm_t,
                      cudaStream_t);
ncclResult_t ncclRecv(void *, size_t count, ncclDataType_t, int peer, ncclComm_t,
                      cudaStream_t);
const char *ncclGetErrorString(ncclResult_t);

#endif
