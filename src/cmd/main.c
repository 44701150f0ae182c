/* SPDX-License-Identifier: Apache-2.0
 * main — one binary: the first argument names the verb. */
#include <stdio.h>

int main(void)
{
    printf("ganglion %s\n", GANGLION_VERSION);
    return 0;
}
