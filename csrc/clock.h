/* Clock: the two times the library uses. Any thread. */
#ifndef TM_CLOCK_H
#define TM_CLOCK_H

#include <stdint.h>

/* Unix time in seconds: what messages carry. The user can set it, forwards and back. */
uint64_t tm_clock_seconds(void);
/* Milliseconds from an unspecified start that never go back: for timeouts and pauses. */
uint64_t tm_clock_ms(void);

#endif
