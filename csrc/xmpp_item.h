/* XMPP item: what one archived message says, in this library's terms; and the messages that it writes itself.
 * XMPP thread only; pure: no connection, no database.
 *
 * A message of ours carries its elements as JSON beside a plain <body>, and its identity in its id:
 * "tm-SEQ-RAND-TIME", three hexadecimal numbers. A message of another client gets an identity made of its id
 * (a number derived from it is its rand), its seq comes from its place in the archive. */
#ifndef TM_XMPP_ITEM_H
#define TM_XMPP_ITEM_H

#include "ids.h"
#include "message.h"
#include "xmpp_stanza.h"

typedef enum tm_item_kind {
    TM_ITEM_NOTHING, /* of no use here */
    TM_ITEM_MESSAGE,
    TM_ITEM_RETRACT,   /* `target`: the id of the message meant */
    TM_ITEM_DISPLAYED, /* `target`: the id of the last message read */
    TM_ITEM_RECEIVED,  /* `targets`: the ids of messages that a device has */
    TM_ITEM_INVITATION, /* into the group `conv_id` by `sender`; `target`: which of that id (tm_room.born), or NULL */
    TM_ITEM_TIPS,    /* a GroupTips message: `elems`; its sender is @TIM#SYSTEM, said by `actor` */
    TM_ITEM_GROUPS,  /* a note to oneself: the list of groups has changed */
    TM_ITEM_UNCLEAR, /* an invitation, if that is into a room of the domain's: read again once that is known */
} tm_item_kind;

/* Ids of other clients may be long; longer ones are cut, and so is what names them. */
#define TM_ITEM_ID 256

typedef struct tm_item {
    tm_item_kind kind;
    char *archive_id;  /* owned */
    uint64_t stamp;    /* by the archive; microseconds since 1970 */
    int32_t conv_type; /* TIMConvType */
    char conv_id[TM_MAX_GROUP_ID + 1];
    char sender[TM_MAX_USER_ID + 1];
    char actor[TM_MAX_USER_ID + 1];  /* who really wrote it; the same as sender but for tips */
    bool is_self;                    /* the actor is the user */
    bool is_ours;                    /* its id has our form: seq, rand and client_time are its sender's */
    bool says_standing;              /* group: the archive says what the actor was when it wrote this */
    bool may_revoke;                 /* group: its owner or an admin; see tm_rooms_may_revoke too */
    char author[TM_MAX_USER_ID + 1]; /* RETRACT in a group: of the message meant; "" if it does not say */
    bool author_is_self;             /* that is the user */
    bool leads_in;                   /* INVITATION: into a group that the user was not in, and is now */
    bool wants_receipt;
    char *id;                        /* owned; never empty */
    bool has_origin_id;              /* that is what `id` is: its sender calls it unique */
    uint64_t seq, rand, client_time; /* seq 0: to be made of its place */
    uint32_t priority;               /* TIMMsgPriority */
    char *elems;                     /* owned; checked element array as JSON text */
    char *target;                    /* owned */
    char **targets;                  /* owned, each too; target_count of them */
    size_t target_count;
} tm_item;

void tm_item_clear(tm_item *item);

/* Who reads: whose archive, and where users and groups are at home. */
typedef struct tm_item_reader {
    const char *user;   /* user id */
    const char *domain; /* of users */
    const char *rooms;  /* domain of the rooms' service; "" if there is none; NULL: not known yet */
    const char *group;  /* the archive's group id; NULL: the user's own archive */
} tm_item_reader;

/* Reads the <message> that an archive forwarded. 0, also where it is of no use (kind NOTHING: from a stranger
 * that has no id here or from an account that is named @TIM#SYSTEM, an error, a room's private message, a
 * subject, GroupTips that its author did not cause …), or ERR_OUT_OF_MEMORY. `stamp` is by the archive's <delay>.
 * What a peer wrote is checked as strictly as what a caller gives: elements that a caller could not have sent
 * are none, and the body counts.
 *
 * Who wrote it: in the user's own archive the `from`; in a room's archive the real JID that the room adds
 * last (<x muc#user><item jid>), never the nick. */
int32_t tm_item_read(const tm_item_reader *reader, xmpp_stanza_t *message, const char *archive_id,
                     uint64_t stamp, tm_item *out, tm_error *err);
/* The same for a message that came live and is stored nowhere (an online-only one): `sender` is who wrote it
 * by what the caller knows (the `from`, or a room's presence), its conversation as `conv_type` and `conv_id`, but
 * for a C2C message of the user's own from another device: that says by itself to whom it went. */
int32_t tm_item_read_online(xmpp_stanza_t *message, const char *user, int32_t conv_type, const char *conv_id,
                            const char *sender, tm_item *out, tm_error *err);

/* The id of a message of ours. Owned by the caller; NULL: memory. */
char *tm_item_id(const tm_message *message);
/* Reads such an id; false if it is not one exactly as tm_item_id writes it. */
bool tm_item_read_id(const char *id, uint64_t *seq, uint64_t *rand, uint64_t *client_time);

/* The rand of another client's message: for ever the same for the same id. */
uint64_t tm_item_derive_rand(const char *id);

/* ---- writing; each begins and fills `stanza`; the caller finishes it ---- */
/* A message: `to` a bare JID, type chat or groupchat; body, json, origin-id, markable; `receipt`: asks for one.
 * is_online: stored nowhere (in C2C a headline), and its JSON has its identity and its conversation as the sender
 * sees it, for the sender's other devices. */
void tm_item_write_message(tm_stanza *stanza, xmpp_ctx_t *ctx, const char *to, const tm_message *message,
                           const char *id, bool receipt);
/* GroupTips into a room; `elems` as JSON text. */
void tm_item_write_tips(tm_stanza *stanza, xmpp_ctx_t *ctx, const char *room, const char *elems,
                        const char *id);
/* A retraction; `author`: in a group, who wrote the message meant (others may have one of that id); NULL in C2C. */
void tm_item_write_retract(tm_stanza *stanza, xmpp_ctx_t *ctx, const char *to, const char *author,
                           const char *id, const char *target);
/* An invitation into a room (XEP-0249); `born`: which group of that id (tm_room.born), or "". */
void tm_item_write_invitation(tm_stanza *stanza, xmpp_ctx_t *ctx, const char *to, const char *id,
                              const char *room, const char *born);
void tm_item_write_displayed(tm_stanza *stanza, xmpp_ctx_t *ctx, const char *to, const char *id,
                             const char *target);
/* One receipt for several messages of a peer. */
void tm_item_write_received(tm_stanza *stanza, xmpp_ctx_t *ctx, const char *to, const char *id,
                            const char *const *targets, size_t count);

#endif
