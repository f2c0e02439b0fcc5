/* XMPP mirror: what the archives said, in the order in which this device heard it: an SQLite file beside the
 * store. The XMPP thread writes it, the worker reads events from it behind the device's cursor; each has a
 * handle of its own.
 *
 * Every archived message of use gets a number. Numbers are the backend's positions and the cursor: they grow
 * with what is heard live, start from the archive's time in microseconds, and what is older than the device
 * (fetched as history) gets smaller ones. Contents are erased once the store has them; what remains says
 * which ids are known, which message an id means, and what was revoked and read.
 *
 * A mirror that is lost, or older than the store (a power cut), is made good from the archives, and the store knows what it
 * has: nothing is left out or told twice. What it costs: letters that waited for their receipts are sent no more, changes of
 * groups' lists that waited are left to others, and so is it to say that the user has joined a group where he has not done so;
 * and who read how far counts from then on only, by new numbers, so that it covers
 * what came before too; and a device that is newer than its user's coming into a group gets as new what was said between. */
#ifndef TM_XMPP_MIRROR_H
#define TM_XMPP_MIRROR_H

#include "backend.h"
#include "sql.h"
#include "xmpp_item.h"

typedef struct tm_mirror tm_mirror;

/* "<directory>/<escaped user>.mirror". `stop` ends waits. NULL on failure; a damaged file is set aside then, so that the
 * next one finds none. Owned by the caller. */
tm_mirror *tm_mirror_open(const char *directory, const char *user, const atomic_bool *stop, tm_error *err);
void tm_mirror_close(tm_mirror *mirror);
/* Whether the file turned out to be damaged while it was in use. */
bool tm_mirror_is_damaged(tm_mirror *mirror);
/* Closes the last handle of a damaged file, and sets that aside. */
void tm_mirror_set_aside(tm_mirror *mirror);

/* ---- the XMPP thread's ---- */
/* All that follows runs inside a transaction where it writes. Commits survive the process, not a power cut. */
int32_t tm_mirror_begin(tm_mirror *mirror, tm_error *err);
int32_t tm_mirror_commit(tm_mirror *mirror, tm_error *err);
void tm_mirror_rollback(tm_mirror *mirror);

/* How far back an archive is read again at most where something may be missing, behind its newest item that is known; and
 * how roughly servers take that time. In microseconds. */
#define TM_MIRROR_REWIND 60000000
#define TM_MIRROR_MARGIN 2000000

/* Where an archive was read up to: `group` "" is the user's own. *after: its last id ("": from the beginning;
 * owned by the caller), *stamp: its time in microseconds, *start: what is older was there before the device. False: that archive was never read (or on failure,
 * err->code). */
bool tm_mirror_archive(tm_mirror *mirror, const char *group, char **after, uint64_t *stamp, uint64_t *start,
                       tm_error *err);
int32_t tm_mirror_set_archive(tm_mirror *mirror, const char *group, const char *after, uint64_t stamp,
                              tm_error *err);
/* Where the device begins: see *start above. */
int32_t tm_mirror_set_start(tm_mirror *mirror, const char *group, uint64_t stamp, tm_error *err);
/* An item that is older than the device, and is news all the same: it waited for the user's first device. */
int32_t tm_mirror_want(tm_mirror *mirror, const char *archive, const char *archive_id, tm_error *err);
/* The user's archive has something that is still to be told, of that time (microseconds) or later: to be kept in mind until it
 * was read from there to its end. Then tm_mirror_is_told. */
int32_t tm_mirror_tell_from(tm_mirror *mirror, uint64_t stamp, tm_error *err);
int32_t tm_mirror_is_told(tm_mirror *mirror, tm_error *err);
/* That time; 0: there is nothing (or on failure, err->code). */
uint64_t tm_mirror_untold(tm_mirror *mirror, tm_error *err);
/* An item that is no news, unless it is wanted. */
int32_t tm_mirror_pass(tm_mirror *mirror, const char *archive, const char *archive_id, tm_error *err);
int32_t tm_mirror_drop_archive(tm_mirror *mirror, const char *group, tm_error *err);

/* How an item came. */
typedef enum tm_mirror_way {
    TM_MIRROR_NEWS,    /* behind what was read: its number is the highest */
    TM_MIRROR_HISTORY, /* older: its number is its time, or the next one that is free and over `floor` */
    TM_MIRROR_MISSED, /* a retraction that is older than what is news: it is that all the same if it counts for a message
                          that is known, and else left to history */
} tm_mirror_way;

/* What became of an item. */
typedef struct tm_mirrored {
    int64_t number; /* the item's, or that of the same item or message that was there; 0: not kept */
    bool
        fresh; /* it was not there: neither that archive id, nor (a message) that id of that sender and actor */
    bool told;      /* it is an event: what came as history is none */
    bool again;     /* a message that was there, archived anew: it was sent again */
    uint64_t seq;   /* a message's */
    uint64_t rand;  /* a message's: not always the item's, where it is tips */
    bool revoked;   /* a message that was revoked */
    bool valid;     /* a retraction that counts: by its author (in a group also the owner and admins), in
                     * time; a marker that names a known message of the other side */
    bool denied;    /* a retraction whose actor may not do that */
    bool late;      /* one that would count if it had come in time */
    int64_t target; /* the number of the message that a retraction or marker means; 0: not known */
    bool unclear;   /* nothing is noted of it but that it is to be read again: see tm_mirror_tell_from */
} tm_mirrored;

/* Adds what an item says. `floor`: for HISTORY, the number before it in the same walk; for NEWS the archive's
 * start: what is older is left to history, unless it is wanted. */
int32_t tm_mirror_add(tm_mirror *mirror, const char *archive, const tm_item *item, tm_mirror_way way,
                      int64_t floor, uint32_t window_s, tm_mirrored *out, tm_error *err);
/* Adds an event that no archive holds: the user came into a group (or left it) at `time` (seconds). */
int32_t tm_mirror_add_membership(tm_mirror *mirror, const char *group, bool joined, uint64_t time,
                                 tm_error *err);
/* The highest number given so far. */
int64_t tm_mirror_top(tm_mirror *mirror, tm_error *err);
/* A new device: numbers start behind `stamp`. */
int32_t tm_mirror_set_top(tm_mirror *mirror, int64_t number, tm_error *err);
/* The store is at `cursor`, and the mirror does not know of that: numbers go on behind it, and what is read again of what the
 * store may have is told as that. */
int32_t tm_mirror_go_on(tm_mirror *mirror, int64_t cursor, tm_error *err);
/* Whether an item of that archive id is known. */
bool tm_mirror_has(tm_mirror *mirror, const char *archive, const char *archive_id);

/* A message as the mirror knows it. */
typedef struct tm_mirror_message {
    int64_t number; /* 0: not known */
    char *id;       /* by which others know it; "": there is none that means it alone; owned: tm_free */
    uint64_t seq, rand, client_time;
    uint64_t stamp; /* microseconds */
    bool revoked, is_self;
    char sender[TM_MAX_USER_ID + 1];
} tm_mirror_message;
/* By identity, and by number. out->number 0: there is none. */
int32_t tm_mirror_find(tm_mirror *mirror, int32_t conv_type, const char *conv_id, const char *sender,
                       uint64_t seq, uint64_t rand, tm_mirror_message *out, tm_error *err);
int32_t tm_mirror_at(tm_mirror *mirror, int64_t number, tm_mirror_message *out, tm_error *err);
/* The highest seq seen in a conversation; 0: none. */
uint64_t tm_mirror_top_seq(tm_mirror *mirror, int32_t conv_type, const char *conv_id);
/* What a retraction of that number tells, as an event; NULL: there is none. Owned by the caller. */
int32_t tm_mirror_retraction(tm_mirror *mirror, int64_t number, tm_event **event, tm_error *err);
/* Whether an event behind `cursor` tells that the message of that number was revoked. */
bool tm_mirror_revoke_is_to_come(tm_mirror *mirror, int64_t number, int64_t cursor, tm_error *err);
/* How far the user (and in C2C the peer) has read, by markers: numbers; 0: not known. What events behind `cursor` tell of the
 * peer is left to them. */
int32_t tm_mirror_read_marks(tm_mirror *mirror, int32_t conv_type, const char *conv_id, const char *user,
                             int64_t cursor, tm_position *my_read, tm_position *peer_read, tm_error *err);
/* The next message that asks for a receipt, behind `number` and up to `end`: its number, 0 for none. */
int64_t tm_mirror_next_receipt(tm_mirror *mirror, int64_t number, int64_t end, char peer[TM_MAX_USER_ID + 1],
                               char **id, tm_error *err);
/* Erases the contents of what the store has, up to `number`. */
int32_t tm_mirror_erase(tm_mirror *mirror, int64_t number, tm_error *err);
/* Forgets what is more than 30 days older than `number`, unless only the mirror knows its identity, or its archive is read
 * again from before it: a part of it if it is much (*more). Looks at all that it keeps: not to be done with each batch. */
int32_t tm_mirror_forget(tm_mirror *mirror, int64_t number, bool *more, tm_error *err);

/* ---- outbox: C2C messages that were sent and not confirmed by a device of their recipient ---- */
typedef struct tm_mirror_letter {
    char peer[TM_MAX_USER_ID + 1];
    char *id;           /* owned */
    tm_message message; /* as it travels; owned */
    uint32_t attempts;
    uint64_t kept; /* when it was put there (Unix seconds) */
} tm_mirror_letter;
int32_t tm_mirror_put_letter(tm_mirror *mirror, const char *id, const tm_message *message, uint64_t due,
                             tm_error *err);
/* What became of a message is not known: its letter is kept, and goes out only if the message shows in the user's
 * archive, and so counts as sent. */
int32_t tm_mirror_hold_letter(tm_mirror *mirror, const char *peer, const char *id, tm_error *err);
/* It has shown. */
int32_t tm_mirror_release_letter(tm_mirror *mirror, const char *peer, const char *id, tm_error *err);
/* A letter was sent again, and is due at `due` (Unix seconds). */
int32_t tm_mirror_delay_letter(tm_mirror *mirror, const char *peer, const char *id, uint64_t due,
                               tm_error *err);
int32_t tm_mirror_drop_letter(tm_mirror *mirror, const char *peer, const char *id, tm_error *err);
/* All that were put there since then (Unix seconds) are due at once: the connection broke. Not those that were sent again: what
 * broke it would be sent again for ever. */
int32_t tm_mirror_hasten_letters(tm_mirror *mirror, uint64_t since, tm_error *err);
/* The first that is due at `now`, as they were said; out->id NULL: none. *next: when it was due, or when the first is if
 * none is yet; 0: none is left. */
int32_t tm_mirror_due_letter(tm_mirror *mirror, uint64_t now, tm_mirror_letter *out, uint64_t *next,
                             tm_error *err);

/* A message that was refused: archives of its sender show it all the same, and it must not count as sent; `number`: it
 * has been added already, and goes (0: not yet). And one that is sent again under that id. */
int32_t tm_mirror_refuse(tm_mirror *mirror, const char *conv_id, const char *id, int64_t number,
                         tm_error *err);
int32_t tm_mirror_unrefuse(tm_mirror *mirror, const char *conv_id, const char *id, tm_error *err);

/* ---- groups that the user is in ---- */
/* Remembers (or forgets) a group; `joined`: Unix seconds, 0: not known. */
int32_t tm_mirror_set_group(tm_mirror *mirror, const char *group, bool member, uint64_t joined,
                            tm_error *err);
/* The list of groups that the server keeps says of this one that the user is in it, or not. */
int32_t tm_mirror_list_group(tm_mirror *mirror, const char *group, bool member, tm_error *err);
/* Notes what tells the group from others of its name, if the user is in it and that is not known. */
int32_t tm_mirror_note_born(tm_mirror *mirror, const char *group, const char *born, tm_error *err);
/* What was noted. Owned by the caller; NULL: nothing, or the user is in no such group. */
char *tm_mirror_born(tm_mirror *mirror, const char *group);
/* Notes that the user was invited at `stamp` (microseconds) into a group that he is in, as far as is known: a removal may lie
 * before. `born`: what tells it from others of its name; "": not known. And what was noted last: *stamp 0, *born NULL: nothing, or
 * the user is in no such group. *born is owned by the caller. */
int32_t tm_mirror_note_invited(tm_mirror *mirror, const char *group, uint64_t stamp, const char *born,
                               tm_error *err);
int32_t tm_mirror_invited(tm_mirror *mirror, const char *group, uint64_t *stamp, char **born, tm_error *err);
/* Notes who the admins are of a group that the user is in (a JSON array of ids), and what was noted: owned by the caller; NULL:
 * nothing, or the user is in no such group. */
int32_t tm_mirror_note_admins(tm_mirror *mirror, const char *group, const char *admins, tm_error *err);
char *tm_mirror_admins(tm_mirror *mirror, const char *group);
/* A change of the group's list at the server is to be made, in place of an earlier one of that user; and it need not be made any
 * more, if it is that one (NULL: whatever it is). None is left once the user comes into the group or leaves it. */
int32_t tm_mirror_put_change(tm_mirror *mirror, const char *group, const char *user, const char *affiliation,
                             tm_error *err);
int32_t tm_mirror_drop_change(tm_mirror *mirror, const char *group, const char *user, const char *affiliation,
                              tm_error *err);
/* Calls `each` for every one of them, the oldest first. `each` must not write. */
int32_t tm_mirror_changes(tm_mirror *mirror, const char *group,
                          void (*each)(void *argument, const char *user, const char *affiliation),
                          void *argument, tm_error *err);
/* The user has come into a group, and is to say so under that id; its archive may have it from `since` (microseconds) on. It
 * need not be said any more, if it is that id (NULL: whatever it is). Nothing is left once the user comes into the group anew;
 * what is left once he is in it no more may have to be taken back. */
int32_t tm_mirror_put_join(tm_mirror *mirror, const char *group, const char *id, uint64_t since,
                           tm_error *err);
int32_t tm_mirror_drop_join(tm_mirror *mirror, const char *group, const char *id, tm_error *err);
/* What is to be said: *id is owned by the caller; NULL: nothing. */
int32_t tm_mirror_join(tm_mirror *mirror, const char *group, char **id, uint64_t *since, tm_error *err);
/* Calls `each` for every group where it may have to be taken back. `each` must not write. */
int32_t tm_mirror_left_joins(tm_mirror *mirror, void (*each)(void *argument, const char *group),
                             void *argument, tm_error *err);
/* Notes where the room's archive ended when the user came into the group: what has that time (microseconds) or a later one is
 * for him, but for its last item (its archive id, or ""). */
int32_t tm_mirror_note_since(tm_mirror *mirror, const char *group, uint64_t since, const char *last,
                             tm_error *err);
/* What was noted; 0: nothing, or the user is in no such group. *last (may be NULL) is owned by the caller. */
uint64_t tm_mirror_since(tm_mirror *mirror, const char *group, char **last);
/* The newest message (microseconds) that the user had heard there when he came into the group again, until it is
 * forgotten; 0: none. */
uint64_t tm_mirror_heard(tm_mirror *mirror, const char *group);
int32_t tm_mirror_forget_heard(tm_mirror *mirror, const char *group, tm_error *err);
/* Calls `each` for every group of which it does not say what tm_mirror_set_group said. `each` must not write. */
int32_t tm_mirror_unlisted(tm_mirror *mirror,
                           void (*each)(void *argument, const char *group, bool member, uint64_t joined),
                           void *argument, tm_error *err);
/* Calls `each` for every group, in the order they were joined. `each` must not write. */
int32_t tm_mirror_groups(tm_mirror *mirror, void (*each)(void *argument, const char *group, uint64_t joined),
                         void *argument, tm_error *err);
/* Whether the user is in the group as far as this device knows; *joined (may be NULL): since when. */
bool tm_mirror_in_group(tm_mirror *mirror, const char *group, uint64_t *joined);

/* ---- the worker's ---- */
/* Up to `limit` events behind `cursor` and before `end`, oldest first, owned by the caller; *next: the number of the last one
 * looked at (`cursor` if there was none), *rows: how many were looked at. */
int32_t tm_mirror_fetch(tm_mirror *mirror, int64_t cursor, int64_t end, int limit, tm_event **list,
                        int64_t *next, int *rows, tm_error *err);

#endif
