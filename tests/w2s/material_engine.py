"""A UCI engine that looks one move ahead and counts wood: enough to test what talks to an engine."""

import chess

VALUE = {chess.PAWN: 100, chess.KNIGHT: 300, chess.BISHOP: 310, chess.ROOK: 500, chess.QUEEN: 900, chess.KING: 0}


def lead(board, move):
    board.push(move)
    mate = board.is_checkmate()
    worst = max(
        [
            VALUE[board.piece_type_at(m.to_square)]
            for m in board.generate_legal_captures()
            if board.piece_type_at(m.to_square)
        ],
        default=0,
    )
    board.pop()
    taken = board.piece_type_at(move.to_square)
    return 5000 if mate else (VALUE[taken] if taken else 0) - worst


def main():
    board = chess.Board()
    while True:
        words = input().split()
        match words[:1]:
            case ["uci"]:
                print("option name Threads type spin default 1 min 1 max 1")
                print("option name Hash type spin default 1 min 1 max 16")
                print("option name MultiPV type spin default 1 min 1 max 5")
                print("uciok")
            case ["isready"]:
                print("readyok")
            case ["position"]:
                at = words.index("moves") if "moves" in words else len(words)
                board = chess.Board() if words[1] == "startpos" else chess.Board(" ".join(words[2:at]))
                for move in words[at + 1 :]:
                    board.push_uci(move)
            case ["go"]:
                ranked = sorted(board.legal_moves, key=lambda m: (-lead(board, m), m.uci()))
                for rank, move in enumerate(ranked[:2], 1):
                    print(f"info depth 1 multipv {rank} score cp {lead(board, move)} nodes 1 pv {move.uci()}")
                print(f"bestmove {ranked[0].uci()}")
            case ["quit"]:
                return
        __import__("sys").stdout.flush()


main()
