#!/bin/sh
# Cargo's RUSTC_WORKSPACE_WRAPPER for scripts/test.sh: compiles test binaries without optimising them, which is most of the time they take.
# What they test, libraries and the server, is what runs: this leaves it alone.
case " $* " in
*" --test "*) exec "$@" -C opt-level=0 ;;
*) exec "$@" ;;
esac
