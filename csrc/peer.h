/* Peer: what another process or client wrote, checked as strictly as what a caller gives (rule 44). Any
 * thread. */
#ifndef TM_PEER_H
#define TM_PEER_H

#include "error.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* JSON text of a peer as a tree, with U+FFFD for its bad bytes and for what JSON can spell and a string cannot
 * hold (rule 7). Owned by the caller (cJSON_Delete); NULL: TIM_ERR_JSON or ERR_OUT_OF_MEMORY. */
cJSON *tm_peer_parse(const char *text, size_t length, tm_error *err);
/* A peer's elements as JSON text: those that a caller could have sent, with the known keys only. `tips`:
 * GroupTips are allowed, since it is known that they may say so. Owned by the caller (tm_free); NULL:
 * TIM_ERR_JSON (whatever is wrong with them) or ERR_OUT_OF_MEMORY. */
char *tm_peer_elems(const cJSON *elems, bool tips, tm_error *err);
/* Whether GroupTips or a GroupReport are among the elements. */
bool tm_peer_has_tips(const cJSON *elems);
/* Whether they are one GroupTips element about `group` in which `actor` is the one who acts, as anybody can. */
bool tm_peer_is_tips(const cJSON *elems, const char *actor, const char *group);

#endif
