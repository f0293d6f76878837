# shellcheck shell=bash
# Which torch fits the GPU present, and which driver that needs. Sourced by install_backend.sh; changes nothing.
#
# The web UI's own pin, torch 2.1.2 with CUDA 12.1, is the build it was released and tested with. It knows no GPU newer
# than Ada and Hopper (compute capability 9.0): on Blackwell it ends in "no kernel image is available". There torch
# 2.7.0 with CUDA 12.8 is taken, and its own attention instead of xformers, which has no wheel for every such pair.
# Driver minima are those of NVIDIA's CUDA compatibility table (12.x: 525.60.13; Blackwell and 12.8: 570.26).

# torch_choice COMPUTE_CAP -> "NAME|pip arguments|attention flag|xformers package or -|least driver"
torch_choice() {
    local capability=$1
    if [ "$capability" = cpu ]; then
        echo "torch 2.1.2, CPU|torch==2.1.2 torchvision==0.16.2 --index-url https://download.pytorch.org/whl/cpu|--opt-sdp-attention|-|0"
    elif version_below "$capability" 5.0; then
        return 1
    elif version_below "$capability" 9.1; then
        echo "torch 2.1.2, CUDA 12.1|torch==2.1.2 torchvision==0.16.2 --extra-index-url https://download.pytorch.org/whl/cu121|--xformers|xformers==0.0.23.post1|525.60.13"
    else
        echo "torch 2.7.0, CUDA 12.8|torch==2.7.0 torchvision==0.22.0 --extra-index-url https://download.pytorch.org/whl/cu128|--opt-sdp-attention|-|570.26"
    fi
}

# torch_for_engine COMPUTE_CAP DRIVER -> as torch_choice, for prodgen's own engine, which runs with torch 2.6 and later.
# torch 2.13 from PyPI brings CUDA 13.0, which needs driver 580.65.06 and Turing (7.5) or newer; before that the last builds
# for CUDA 12 are taken: 12.6 for cards up to Hopper, 12.8 for Blackwell. Sources: NVIDIA's release notes of CUDA 13.0 and
# its compatibility table; pytorch.org's list of builds.
torch_for_engine() {
    local capability=$1 driver=$2
    if [ "$capability" = cpu ]; then
        echo "torch 2.13.0, CPU|torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu|-|-|0"
    elif version_below "$capability" 5.0; then
        return 1
    elif ! version_below "$capability" 7.5 && ! version_below "$driver" 580.65.06; then
        echo "torch 2.13.0, CUDA 13.0|torch==2.13.0|-|-|580.65.06"
    elif version_below "$capability" 9.1; then
        echo "torch 2.7.1, CUDA 12.6|torch==2.7.1 --index-url https://download.pytorch.org/whl/cu126|-|-|525.60.13"
    else
        echo "torch 2.7.1, CUDA 12.8|torch==2.7.1 --index-url https://download.pytorch.org/whl/cu128|-|-|570.26"
    fi
}

# memory_flag MEBIBYTES -> the web UI's flag for so little GPU memory, or nothing
memory_flag() {
    if [ "$1" -lt 4500 ]; then
        echo --lowvram
    elif [ "$1" -lt 8500 ]; then
        echo --medvram
    fi
}

# version_below A B: whether dotted version A is lower than B
version_below() {
    [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}
