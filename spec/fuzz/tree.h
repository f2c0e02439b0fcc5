/* Tree: changes JSON as JSON, for libFuzzer, which by itself would seldom hit upon text that is any. */
#ifndef TM_FUZZ_TREE_H
#define TM_FUZZ_TREE_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's own, of bytes. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
/* Changes the JSON text that `data` holds behind `head` bytes, or, now and then and where there is none, the bytes. The new
 * size. */
size_t tree_mutate(uint8_t *data, size_t size, size_t most, unsigned seed, size_t head);

#endif
