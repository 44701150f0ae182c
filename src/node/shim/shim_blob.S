/* SPDX-License-Identifier: Apache-2.0
 * shim_blob — the shim program as bytes inside ganglion; SHIM_PATH comes from meson.build. */
    .section .rodata
    .balign 16
    .global shim_blob
    .global shim_blob_end
shim_blob:
    .incbin SHIM_PATH
shim_blob_end:
    .section .note.GNU-stack, "", %progbits
