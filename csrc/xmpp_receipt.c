/* XMPP receipt: tells the senders of messages that this device has them (XEP-0184), once the store does. See
 * xmpp_session.h. */
#include "xmpp_session.h"

#include "clock.h"
#include "xmpp_jid.h"

#include <string.h>

/* Ids in one stanza, and stanzas in one go: a device that was away for long has many to confirm. */
#define PER_STANZA 50
#define STANZAS 20
/* What may be forgotten is looked for at log-in, and then after so long at the earliest. */
#define FORGET_MS (3600 * 1000)

static void send_receipt(tm_xmpp *x, const char *peer, char *const *ids, size_t count)
{
    char id[TM_LINK_ID];
    tm_stanza stanza;
    char *to = tm_jid_of(peer, x->address.domain);
    if (!to) return; /* the sender asks again */
    tm_link_make_id(id);
    tm_item_write_received(&stanza, tm_link_ctx(x->link), to, id, (const char *const *)ids, count);
    tm_link_send(x->link, tm_stanza_finish(&stanza));
    tm_free(to);
}

void tm_receipt_again(tm_xmpp *x, const char *peer, const char *id)
{
    char *ids[] = {(char *)(uintptr_t)id};
    send_receipt(x, peer, ids, 1);
}

/* One stanza for the messages of one peer that follow each other. False: there was nothing. */
static bool confirm_some(tm_xmpp *x, int64_t end)
{
    char peer[TM_MAX_USER_ID + 1] = "", next_peer[TM_MAX_USER_ID + 1];
    char *ids[PER_STANZA];
    size_t count = 0;
    tm_error err = {0};
    while (count < PER_STANZA) {
        char *id = NULL;
        int64_t number = tm_mirror_next_receipt(x->mirror, x->receipted, end, next_peer, &id, &err);
        if (!number) {
            if (!err.code) x->receipted = end;
            break;
        }
        if (count && strcmp(peer, next_peer) != 0) {
            tm_free(id);
            break;
        }
        strcpy(peer, next_peer);
        ids[count++] = id;
        x->receipted = number;
    }
    if (count) send_receipt(x, peer, ids, count);
    for (size_t i = 0; i < count; i++)
        tm_free(ids[i]);
    return count > 0;
}

void tm_receipts_run(tm_xmpp *x)
{
    pthread_mutex_lock(&x->lock);
    int64_t stored = x->stored;
    pthread_mutex_unlock(&x->lock);
    uint64_t now = tm_clock_ms();
    bool at_login = !x->forget_at && !x->login, forget = at_login || (x->forget_at && x->forget_at <= now);
    if (stored <= x->receipted && !at_login) return;
    for (int i = 0; i < STANZAS && x->receipted < stored; i++)
        if (!confirm_some(x, stored)) break;
    bool more = false;
    tm_error err = {0};
    int32_t code = tm_mirror_begin(x->mirror, &err);
    if (!code) code = tm_mirror_erase(x->mirror, x->receipted, &err);
    if (!code && forget) code = tm_mirror_forget(x->mirror, x->receipted, &more, &err);
    if (!code) code = tm_mirror_commit(x->mirror, &err);
    if (code) tm_mirror_rollback(x->mirror);
    if (forget) x->forget_at = more ? now : now + FORGET_MS;
}
