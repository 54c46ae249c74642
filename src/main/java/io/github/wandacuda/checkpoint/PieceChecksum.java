package io.github.wandacuda.checkpoint;

import io.github.wandacuda.io.Crc32c;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * The checksum of a tensor that is written in pieces, in any order and by several threads. Pieces
 * that touch are merged at once, so there are never more pieces than gaps between them.
 */
public final class PieceChecksum {
  private final NavigableMap<Long, Piece> pieces = new TreeMap<>();

  private record Piece(long length, int crc) {
    Piece followedBy(Piece next) {
      return new Piece(length + next.length, Crc32c.combine(crc, next.crc, next.length));
    }
  }

  /** Adds the piece that starts at {@code offset}. Pieces don't overlap. */
  public synchronized void add(long offset, long length, int crc) {
    if (length == 0) {
      return;
    }
    long start = offset;
    Piece piece = new Piece(length, crc);
    Map.Entry<Long, Piece> before = pieces.lowerEntry(offset);
    if (before != null && before.getKey() + before.getValue().length() == offset) {
      start = before.getKey();
      piece = before.getValue().followedBy(piece);
    }
    Piece after = pieces.remove(offset + length);
    pieces.put(start, after == null ? piece : piece.followedBy(after));
  }

  /**
   * Returns the checksum of all pieces together.
   *
   * @param length of the tensor
   * @throws IllegalStateException if there is a gap
   */
  public synchronized int whole(long length) {
    if (length == 0) {
      return 0;
    }
    Piece only = pieces.size() == 1 ? pieces.get(0L) : null;
    if (only == null || only.length() != length) {
      throw new IllegalStateException("there are gaps in %d bytes".formatted(length));
    }
    return only.crc();
  }
}
