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
/* The same for a JSON text by itself, in an input's own run: what comes of it depends on nothing but the seed. `room`: with its
 * NUL. */
void tree_change(char *text, size_t room, unsigned seed);
/* Puts a piece of the JSON that `other` holds into that of `one`, with the head of that; into `out`. The new size; 0: there is
 * no JSON. */
size_t tree_cross(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size, uint8_t *out,
                  size_t most, unsigned seed, size_t head);

#endif
