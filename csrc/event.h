/* Event: what others did, as a backend tells of it. */
#ifndef TM_EVENT_H
#define TM_EVENT_H

#include "ids.h"
#include "message.h"

/* Where a message stands in the backend's own order of a conversation: grows with every message accepted, so
 * that "all up to here" is one number. 0: not known. */
typedef int64_t tm_position;

typedef enum tm_event_kind {
    TM_EVENT_MESSAGE, /* message, position; revoked: it came after it had been revoked */
    TM_EVENT_REVOKE, /* message: identity and conversation of the one revoked; time: when, where the backend does not
                            know whether that was in time, else 0 */
    TM_EVENT_READ,       /* reader read the conversation up to `position`; time: of the last message read */
    TM_EVENT_MEMBERSHIP, /* the user joined (or left) the group `message.conv_id` at `time` */
} tm_event_kind;

typedef struct tm_event {
    struct tm_event *next;
    tm_event_kind kind;
    tm_message message; /* conv_id and conv_type as this user sees them; is_self set */
    tm_position position;
    uint64_t time;
    bool revoked;
    bool again;       /* the device had it, it seems: the backend has lost what it had noted of that */
    bool unaddressed; /* it was said before the user joined: in the history, but not unread */
    bool to_come; /* history: an event tells, or has told, that it was revoked; only its place may be news */
    bool joined;
    char reader[TM_MAX_USER_ID + 1]; /* user id */
} tm_event;

void tm_event_free(tm_event *event);
/* Frees a whole list. */
void tm_event_free_list(tm_event *list);

#endif
