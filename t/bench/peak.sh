# SPDX-License-Identifier: MIT
# peak.sh - to be sourced.
# peak NAME: dense bf16 TFLOP/s of the card that nvidia-smi calls so, as NVIDIA's data sheets say;
# nothing for a card that is not among these.  The cards of one chip differ: an H100 or H200 in a
# slot (PCIe, NVL) has fewer multiprocessors or less power than one on a board.
peak() {
	case $1 in
	*A6000*) echo 155 ;;
	*A100*) echo 312 ;;
	*H100*PCIe*) echo 756 ;;
	*H100*NVL* | *H200*NVL*) echo 835 ;;
	*H100* | *H200*) echo 989 ;;
	esac
}
