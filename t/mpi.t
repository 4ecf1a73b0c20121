#!/bin/sh
# SPDX-License-Identifier: MIT
# mpi.t - ranks that mpirun started: the bytes of those over TCP, and the end of all when one dies.
# The one file that MPI concerns is compiled here, and linked before the library's own.
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
. "$T/tune.sh"
. "$T/several.sh"
tuning 60 12
tune="seal-lora-train -q -m model -j 1 -b 8"

fails 2 'was started by MPI, as one of several processes, and is built without it \(make MPI=1\)' "without MPI in it" \
	env OMPI_COMM_WORLD_SIZE=2 "$BIN/seal-lora-train" -m model -o never train.tok
if ! command -v mpicc > /dev/null || ! command -v mpirun > /dev/null; then
	skip "mpirun" "Open MPI is not installed"
	done_testing
fi
if [ "${SAN:-}${CUDA:-}" ]; then
	skip "mpirun" "this build is linked with more than this test knows"
	done_testing
fi
libs=$(sed -n 's/^LIBS := \(.*\) \$(LDLIBS)$/\1/p' "$T/../Makefile")
for p in lora-train score; do
	mpicc -std=gnu11 -D_GNU_SOURCE -fopenmp -O1 -Wall -Werror -DSEAL_MPI -o seal-$p "$T/../bin/seal-$p.c" "$T/../lib/base/world_mpi.c" \
		"$T/../build/libseal.a" $libs 2> err || { cat err; ok 1 "seal-$p with MPI"; done_testing; }
done
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 OMP_NUM_THREADS=1
mpi() { n=$1; shift; mpirun -np "$n" "$@" < /dev/null; }
mpi 2 true > said 2>&1 || { skip "mpirun" "it does not run here: $(tail -1 said)"; done_testing; }

for n in 1 2 3; do
	rm -rf a b
	mpi $n ./$tune -o a --log log.a train.tok && np $n ./$tune -o b --log log.b train.tok
	cmp -s a/adapter_model.safetensors b/adapter_model.safetensors && [ "$(timeless log.a)" = "$(timeless log.b)" ]; ok $? "$n ranks: the bytes of TCP"
	mpi $n ./seal-score -q -m model -j 1 --plain --safe safe.tok train.tok -o s.$n; ok $? "$n ranks: scores"
done
cmp -s s.1 s.2 && cmp -s s.1 s.3; ok $? "which are the same bytes for any size"
./$tune -o c train.tok && "$BIN/"$tune -o d train.tok && cmp -s c/adapter_model.safetensors d/adapter_model.safetensors; ok $? "as one process, a program with MPI in it runs alone"
mpi 3 sh -c 'seed=0; [ "$OMPI_COMM_WORLD_RANK" = 1 ] && seed=7; exec "$@" --seed $seed' sh ./$tune -o never train.tok > said 2>&1
is $?-"$(grep -c '^seal-lora-train: ' said)" 1-1 "a rank dies, all end, and one line says so"
like "$(cat said)" 'seal-lora-train: rank 1 on .*: the options, or what they name, differ' "with rank and host"
mpi 2 ./$tune -o never none.tok > said 2>&1
is $?-"$(grep '^seal-lora-train: ' said | sed 's/rank . on [^:]*/rank/')" "1-seal-lora-train: rank: open none.tok: No such file or directory" "what all find, one says"
done_testing
