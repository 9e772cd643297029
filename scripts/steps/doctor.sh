# shellcheck shell=bash
# Checks the running stack, for --doctor.

step_doctor() {
    local service state
    [ -n "$(docker compose ps --all -q 2>/dev/null)" ] || { say "The stack was not started yet."; return 0; }
    docker compose ps --all --format '{{.Service}} {{.State}} {{.Health}} {{.ExitCode}}' | while read -r service state; do
        case $service:$state in
            *:"running healthy"* | secrets:"exited"*0) ;;
            *) refuse "$service: $state" "running healthy" "read its log: docker compose logs $service" ;;
        esac
    done || return 1
    case $(from_env COMPOSE_FILE) in *npu*) docker compose exec -T api python3 -m services.boardcheck || return 1 ;; esac
    docker compose exec -T provision python3 scripts/try_it.py chat || return 1
    docker compose exec -T provision python3 scripts/try_it.py search
}
