/* Spin: a short wait without sleep. To sleep and be woken takes a thread longer (some 50 us on a virtual machine) than to
 * read a page from the store: who has just read one, and who has just got one, looks for a moment whether more comes. */
#ifndef TM_SPIN_H
#define TM_SPIN_H

#include <stdatomic.h>

/* Returns when the flag is set, or after 100 us. Any thread. */
void tm_spin_until(const atomic_bool *flag);

#endif
