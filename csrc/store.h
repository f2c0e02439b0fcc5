/* Store: what one user's device keeps: conversations, messages, what was deleted, and which stretches of a
 * conversation are complete against the backend. One SQLite file a user. Worker thread only.
 *
 * All changes happen inside a transaction. Conversations that change are remembered until the commit, so that
 * one batch of events can tell of them. */
#ifndef TM_STORE_H
#define TM_STORE_H

#include "backend.h"
#include "messages.h"
#include "sql.h"

typedef struct tm_store tm_store;

/* Opens <directory>/<user>.db and locks it: one process, one client at a time. ERR_DATABASE_OPERATE_FAILED,
 * naming the holder where the lock is taken. `world` (borrowed until close; NULL: the system) has it in memory. Owned by
 * the caller. */
tm_store *tm_store_open(const char *directory, const char *user, const atomic_bool *stop, tm_world *world,
                        tm_error *err);
void tm_store_close(tm_store *store);

/* ---- transactions ---- */
/* As in sql.h. */
int32_t tm_store_begin(tm_store *store, bool synced, tm_error *err);
/* On failure everything is undone. */
int32_t tm_store_commit(tm_store *store, tm_error *err);
void tm_store_rollback(tm_store *store);
/* Makes what was committed without waiting for the disk survive a power cut. */
int32_t tm_store_sync(tm_store *store, tm_error *err);
int32_t tm_store_savepoint(tm_store *store, tm_error *err);
int32_t tm_store_release(tm_store *store, tm_error *err);
void tm_store_undo(tm_store *store);

/* Small named texts: device id, cursor. Owned by the caller; "" when not set; NULL on failure. */
char *tm_store_get(tm_store *store, const char *name, tm_error *err);
int32_t tm_store_set(tm_store *store, const char *name, const char *value, tm_error *err);

/* The store goes over to another backend: what the old one called its messages, who read what there and
 * what was complete against it means nothing any more. */
int32_t tm_store_forget_backend(tm_store *store, tm_error *err);

/* ---- conversations ---- */
typedef struct tm_conv {
    int64_t id; /* 0: there is none */
    int32_t type;
    char name[49];
    bool listed;                    /* in the conversation list */
    uint64_t top_seq;               /* the highest seq seen from the backend or given by this device */
    tm_position my_read, peer_read; /* read up to here */
    uint64_t cleared;               /* what is older (in server seconds) was deleted; 0: nothing */
    tm_position cleared_position;   /* and of that second itself what lies no further than this */
} tm_conv;

/* Looks a conversation up; `make`: adds a row (not listed yet) where there is none. */
int32_t tm_store_conv(tm_store *store, int32_t type, const char *name, bool make, tm_conv *conv,
                      tm_error *err);
/* Notes that the conversation changes in this transaction; call it before the change. */
int32_t tm_store_touch(tm_store *store, const tm_conv *conv, tm_error *err);
/* Puts it into the list (or out of it, and forgets how active it was), and to the top of those active at `active_time` if that
 * is not 0. */
int32_t tm_store_list_conv(tm_store *store, tm_conv *conv, bool listed, uint64_t active_time, tm_error *err);
int32_t tm_store_set_top_seq(tm_store *store, tm_conv *conv, uint64_t seq, tm_error *err);
int32_t tm_store_set_draft(tm_store *store, const tm_conv *conv, const char *draft, uint64_t time,
                           tm_error *err);
/* A ConvInfo, or an array of all listed ones, the most active first. Owned by the caller; NULL on failure. */
cJSON *tm_store_conv_info(tm_store *store, int64_t conv_id, tm_error *err);
cJSON *tm_store_conv_list(tm_store *store, tm_error *err);

/* What the transaction changed: an array of ConvInfo for each TIMConvEvent that happened, NULL for the
 * others. Call inside the transaction, at its end. Each is owned by the caller. */
int32_t tm_store_changes(tm_store *store, cJSON *changed[3], tm_error *err);

/* ---- messages ---- */
typedef struct tm_stored {
    int64_t id;
    int64_t conv;
    tm_message message;  /* owned: tm_message_clear */
    uint64_t place_time; /* its place in the order (rule 12) */
    tm_position position;
} tm_stored;

/* A place in a conversation's order (rule 12). `sender` borrowed. */
typedef struct tm_place {
    uint64_t time, seq, rand;
    const char *sender;
} tm_place;

/* Which message is meant. Members that are not given are NULL, 0 or -1. */
typedef struct tm_identity {
    const char *sender; /* NULL: not given */
    int is_self;        /* -1: not given; otherwise must match */
    uint64_t seq, rand;
    uint64_t client_time; /* for a group's message that was not accepted when its identity was taken */
    int skip;             /* of several that match, without a sender given, leave out so many */
} tm_identity;

/* 0 and out->id 0 when there is none. */
int32_t tm_store_find(tm_store *store, const tm_conv *conv, const tm_identity *identity, tm_stored *out,
                      tm_error *err);
/* Whether a message of the user's own is there under another seq, which the group gave it: one of the same rand, and the
 * same client_time or, since nobody may have given that, elements. */
bool tm_store_is_renumbered(tm_store *store, const tm_conv *conv, const tm_message *message);
typedef enum tm_attempt {
    TM_ATTEMPT_UNSENT,   /* not accepted yet: states 1 and 3 */
    TM_ATTEMPT_ANY,      /* or the backend has it */
    TM_ATTEMPT_UNPLACED, /* the backend does not have it, whatever its state says */
} tm_attempt;
/* The user's own message, by (rand, client_time). */
int32_t tm_store_find_attempt(tm_store *store, const tm_conv *conv, uint64_t rand, uint64_t client_time,
                              tm_attempt which, tm_stored *out, tm_error *err);
/* A message by its row, with its conversation. */
int32_t tm_store_load(tm_store *store, int64_t id, tm_conv *conv, tm_stored *out, tm_error *err);
/* The second that gives a message its place in the order (rule 12). */
uint64_t tm_store_place_time(const tm_message *message);
/* Adds a message; a message of that identity that is there stays as it is (*id is 0 then, and on failure). */
int32_t tm_store_add(tm_store *store, const tm_conv *conv, const tm_message *message, tm_position position,
                     int64_t *id, tm_error *err);
/* The same, and lists the conversation. */
int32_t tm_store_insert(tm_store *store, tm_conv *conv, const tm_message *message, tm_position position,
                        int64_t *id, tm_error *err);
/* The backend accepted `message`, which the row was of: state 2, its elements, its place and position. One that was revoked here
 * stays so, and one that was accepted before, from another attempt, stays as it is; then `message` becomes what the row is.
 * *found: the row is still the message's; otherwise nothing is done: who deletes it while it is under way leaves its id to the
 * next row. */
int32_t tm_store_accept(tm_store *store, tm_conv *conv, int64_t id, tm_message *message, uint64_t server_time,
                        uint64_t seq, tm_position position, bool *found, tm_error *err);
/* The backend has a message that was only kept here: its position. */
int32_t tm_store_set_position(tm_store *store, int64_t id, tm_position position, tm_error *err);
/* And where it stands there, if what was known of that was somebody's word: its time, its place and its position. */
int32_t tm_store_place(tm_store *store, tm_conv *conv, int64_t id, uint64_t server_time, tm_position position,
                       tm_error *err);
/* Status, elements, read flag and the custom fields of a message that is there. */
int32_t tm_store_rewrite(tm_store *store, const tm_conv *conv, int64_t id, const tm_message *message,
                         tm_error *err);
int32_t tm_store_set_status(tm_store *store, const tm_conv *conv, int64_t id, uint32_t status, tm_error *err);
/* Status 6, no elements, read. */
int32_t tm_store_revoke(tm_store *store, const tm_conv *conv, int64_t id, tm_error *err);
/* The ids of the user's messages in state 1, oldest first, up to `limit`. Returns their number, -1 on
 * failure. */
int tm_store_sending(tm_store *store, int64_t *ids, int limit, tm_error *err);
/* How many there are; 0 with err->code set on failure. */
uint32_t tm_store_sending_count(tm_store *store, tm_error *err);

/* Appends up to `count` messages older (or, forward, newer) than `place` (NULL: from the end) to
 * `messages`. *rows: how many, *last_time: the place time of the last one. */
int32_t tm_store_page(tm_store *store, const tm_conv *conv, const tm_place *place, bool forward,
                      uint32_t count, tm_messages *messages, uint32_t *rows, uint64_t *last_time,
                      tm_error *err);

/* The last unread message that the backend knows among those up to and including `time` (UINT64_MAX: all) and the position
 * `most`: its position (0: there is none) and second. */
int32_t tm_store_find_unread(tm_store *store, const tm_conv *conv, uint64_t time, tm_position most,
                             tm_position *position, uint64_t *last_time, tm_error *err);
/* The position of the last unread message of all conversations; 0: there is none that the backend knows. */
int32_t tm_store_last_unread(tm_store *store, tm_position *position, tm_error *err);
/* Marks messages up to and including `time` as read whose reading the backend need not be told of: imported
 * ones, and those it knows to be read. *changed: there were some. */
int32_t tm_store_read_local(tm_store *store, const tm_conv *conv, uint64_t time, bool *changed,
                            tm_error *err);
/* A message was marked as read otherwise than by a report: the next report covers it too. */
int32_t tm_store_owe(tm_store *store, const tm_conv *conv, tm_position position, uint64_t time,
                     tm_error *err);
/* The user read up to `position`, and the backend knows. */
int32_t tm_store_read_position(tm_store *store, tm_conv *conv, tm_position position, tm_error *err);
/* The peer read up to `position`. */
int32_t tm_store_peer_read(tm_store *store, tm_conv *conv, tm_position position, tm_error *err);

/* ---- deletion ---- */
int32_t tm_store_delete(tm_store *store, const tm_conv *conv, const tm_stored *stored, tm_error *err);
int32_t tm_store_delete_all(tm_store *store, tm_conv *conv, tm_error *err);
/* Remembers an identity as deleted, for good: where Import or Save brings the message back, its row counts. */
int32_t tm_store_bury(tm_store *store, const tm_conv *conv, const tm_message *message, tm_error *err);
/* 1: deleted, 0: not, -1: failure. `position`: where the backend has it. `fresh`: it comes for the first time, so that only its own deletion
 * counts, not that of all that was there (which remembers by name what may come again so). */
int tm_store_is_deleted(tm_store *store, const tm_conv *conv, const tm_message *message, tm_position position,
                        bool fresh, tm_error *err);

/* ---- completeness ---- */
#define TM_TIME_END INT64_MAX
/* All that the backend has of these seconds (both included) is here. */
int32_t tm_store_add_stretch(tm_store *store, const tm_conv *conv, int64_t low, int64_t high, tm_error *err);
/* From `time` on the conversation is not followed any more: an open stretch ends before it. */
int32_t tm_store_end_stretch(tm_store *store, const tm_conv *conv, int64_t time, tm_error *err);
/* True if the conversation is followed: it has a stretch without end. */
bool tm_store_is_followed(tm_store *store, const tm_conv *conv, tm_error *err);
/* The first hole seen when walking [low, high] downwards (or, forward, upwards). False: there is none. */
bool tm_store_find_hole(tm_store *store, const tm_conv *conv, int64_t low, int64_t high, bool forward,
                        int64_t *hole_low, int64_t *hole_high, tm_error *err);

#endif
