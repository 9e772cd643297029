# shellcheck shell=bash
# Runs a real chat and a real search from inside the stack, as Open WebUI does. Then prints the address of the page.

step_verify() {
    if [ -n "$DRY_RUN" ]; then
        say "would run: a chat and a web search, to test both"
        return
    fi
    inside chat || refuse "an API server that does not answer a chat (see above)" "an answer" "read its log: docker compose logs api"
    inside search || note "The web search found nothing (see above). Chats work. docs/openwebui.md says what to check."
    welcome
}

inside() { docker compose exec -T provision python3 scripts/try_it.py "$1"; }

welcome() {
    local port address
    port=$(from_env WEBUI_PORT)
    address=$(from_env BIND_ADDRESS)
    case ${address:-127.0.0.1} in
        127.0.0.1) address=127.0.0.1 ;;
        0.0.0.0) address=$(hostname -I 2>/dev/null | awk '{print $1}') ;;
    esac
    local email
    email=$(from_env ADMIN_EMAIL)
    say "Ready: http://$address:${port:-3000}"
    say "  email     ${email:-admin@localhost}"
    say "  password  docker compose exec -T provision cat /secrets/open-webui/admin_password"
    case $(from_env COMPOSE_FILE) in *compose.api.yaml*) say "  API keys  scripts/keys.sh create NAME" ;; esac
}
