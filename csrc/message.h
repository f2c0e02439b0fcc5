/* Message: the library's own form of the API's Message, between the JSON tree, the database and the
 * backend. */
#ifndef TM_MESSAGE_H
#define TM_MESSAGE_H

#include "error.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* Elements together may not be larger than this when they travel (rule 16). */
#define TM_MESSAGE_MAX_ELEMS 12288

typedef struct tm_message {
    int32_t conv_type; /* TIMConvType */
    char *conv_id;     /* owned */
    char *sender;      /* owned */
    uint64_t seq, rand;
    uint64_t client_time; /* Unix seconds */
    uint64_t server_time; /* 0: not accepted by the backend yet */
    uint32_t priority;    /* TIMMsgPriority */
    uint32_t status;      /* TIMMsgStatus; 0: not given */
    uint32_t custom_int;
    bool is_self, is_read, is_peer_read, is_online;
    char *custom_str; /* owned; NULL is "" */
    char *elems;      /* owned; the element array as JSON text; NULL is [] */
} tm_message;

/* Frees what `message` owns and clears it. */
void tm_message_clear(tm_message *message);

/* Reads a tree that passed tm_schema_check. `elems` keeps the known keys only; `elem_drop` names flags
 * (schema.h) of those that are left out. Absent keys are 0, "" or false; is_read absent is true. conv_type,
 * conv_id and is_self are read too: the caller overrides what it knows better. */
int32_t tm_message_from_tree(const cJSON *tree, unsigned elem_drop, tm_message *out, tm_error *err);
/* The same without the elements. */
int32_t tm_message_head_from_tree(const cJSON *tree, tm_message *out, tm_error *err);
/* The element array, empty where a damaged store has no JSON. Owned by the caller; NULL: memory is short. */
cJSON *tm_message_elems(const tm_message *message);
/* The whole Message as the API returns it. Owned by the caller; NULL: memory is short. */
cJSON *tm_message_to_tree(const tm_message *message);
/* The same with its element array (taken over, freed on failure; NULL is a failure). */
cJSON *tm_message_tree_with(const tm_message *message, cJSON *elems);
/* A MsgLocator of it with all eight keys; `revoked` is its is_revoked. */
cJSON *tm_message_locator(const tm_message *message, bool revoked);
int32_t tm_message_copy(const tm_message *from, tm_message *to, tm_error *err);

/* Rule 11. */
uint64_t tm_message_unique_id(int32_t conv_type, uint64_t server_time, uint64_t seq, uint64_t rand);
/* The seq after the highest one seen (rule 10). */
uint64_t tm_next_seq(uint64_t top_seq);
/* 32 random bits, never 0. */
uint64_t tm_message_random(void);
/* The number behind a counter, scattered over 32 bits: different for different counters, so that a device
 * that counts never gives two messages the same rand, as chance would after some ten thousand. Never 0. */
uint64_t tm_message_rand(uint32_t *counter);
/* For imports that give no identity (rule 31): what a message says as a number, and seq and rand (63 bits
 * together) made of that and of how often the same was said before in the list. The same for ever for the
 * same content. */
uint64_t tm_message_content_hash(const char *sender, uint64_t client_time, const char *elems);
void tm_message_derive_identity(uint64_t content_hash, uint32_t occurrence, uint64_t *seq, uint64_t *rand);

#endif
