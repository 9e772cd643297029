# shellcheck shell=bash
# Installs Rockchip's runtime library, which the NPU engine loads. The library is Rockchip's property: the script downloads
# it from Rockchip's public release, by version and checksum, or the owner supplies a file.

RELEASES=https://raw.githubusercontent.com/airockchip/rknn-llm
IN_RELEASE=rkllm-runtime/Linux/librkllm_api/aarch64/librkllmrt.so

# Print the git id of the file in a release (SHA-1 over "blob SIZE\0" and the bytes), which serves as its checksum.
blob_of() {
    case $1 in
        1.3.0) echo 34167b32f99cb7ab19e21fb579fb750d96b878f1 ;;
        1.2.3) echo 0084abc34ab43359cfa9fd5d4c92ece34127dbd0 ;;
        1.2.2) echo 8ed9cca16f8d5ad8f7cdd7d393de6561182b3395 ;;
        *) refuse "the unknown runtime version $1" "1.3.0, 1.2.3 or 1.2.2" "choose one of these, or use --runtime FILE" ;;
    esac
}

blob() { { printf 'blob %s\0' "$(stat -c %s "$1")"; cat "$1"; } | sha1sum | cut -d' ' -f1; }

step_runtime() {
    [ "$NPU" = yes ] || return 0
    local library=$RUNTIME_DIR/librkllmrt.so
    change mkdir -p "$RUNTIME_DIR/none"
    if [ -n "$RUNTIME_FILE" ]; then
        bring "$RUNTIME_FILE" "$library"
    elif [ -f "$library" ]; then
        say "Runtime library: $(version_in "$library") in $library"
    elif [ -n "$OFFLINE" ]; then
        refuse "no $library" "Rockchip's runtime library" "download it on another computer, then run this again with --runtime FILE"
    else
        download "$library"
    fi
}

# Print the version, read from the bytes of the file without running it.
version_in() {
    local found
    found=$(grep -a -o 'RKLLM SDK (version: *[0-9][0-9a-z.]*' "$1" | head -n 1) || true
    echo "${found##* }"
}

bring() {
    [ -n "$(version_in "$1")" ] || refuse "no version of the RKLLM runtime in $1" "Rockchip's librkllmrt.so for aarch64" \
        "download the library again; a file of a few hundred bytes is only a Git LFS pointer"
    [ "$1" -ef "$2" ] || change cp "$1" "$2.part"
    [ ! -f "$2.part" ] || change mv "$2.part" "$2"
    say "Runtime library: $(version_in "$1") from $1"
}

download() {
    local part=$1.part wanted
    wanted=$(blob_of "$RUNTIME_VERSION")
    say "The runtime library $RUNTIME_VERSION is proprietary software of Rockchip. Its licence is in the repository"
    say "airockchip/rknn-llm, file LICENSE. This script downloads it to $1 and puts it into no image."
    ask "Do you accept its licence?" || refuse "a licence that you did not accept" "the runtime library" \
        "accept the licence, or run this again with --runtime FILE or --cpu"
    change curl --fail --location --silent --show-error --retry 3 --continue-at - --output "$part" \
        "$RELEASES/release-v$RUNTIME_VERSION/$IN_RELEASE" || refuse "a download that failed (see above)" \
        "the runtime library" "check the network and run this again: the download continues where it stopped. Or use --runtime FILE"
    [ -z "$DRY_RUN" ] || return 0
    if [ "$(blob "$part")" != "$wanted" ]; then
        rm -f "$part"
        refuse "a file with the wrong checksum for release $RUNTIME_VERSION" "git blob $wanted" \
            "run this again; if it fails again, something in your network changes the file"
    fi
    mv "$part" "$1"
}
