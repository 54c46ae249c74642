package io.github.wandacuda.io;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/**
 * CRC-32C (Castagnoli) of bytes in memory. The checksum of two parts that follow each other can be
 * computed from those of the parts, so parts can be summed in any order and by several threads.
 */
public final class Crc32c {
  /** The polynomial, reflected: bit 31 is the coefficient of x^0. */
  private static final int POLYNOMIAL = 0x82f63b78;

  /** The polynomial 1. */
  private static final int ONE = 1 << 31;

  /** x^(2^i) modulo the polynomial. */
  private static final int[] POWERS = powers();

  private Crc32c() {}

  private static int[] powers() {
    int[] powers = new int[Long.SIZE];
    powers[0] = ONE >>> 1;
    for (int i = 1; i < powers.length; i++) {
      powers[i] = product(powers[i - 1], powers[i - 1]);
    }
    return powers;
  }

  /**
   * Returns the checksum of bytes in memory.
   *
   * @param bytes native, or an array of bytes
   */
  public static int of(MemorySegment bytes) {
    CRC32C crc = new CRC32C();
    FilePieces.forEach(bytes, crc::update);
    return (int) crc.getValue();
  }

  /**
   * Returns the checksum of two parts that follow each other: the first one's remainder times
   * x^(bits of the second), plus the second one's. The inversions before and after cancel out.
   *
   * @param first checksum of the first part
   * @param second checksum of the second part
   * @param secondBytes length of the second part
   */
  public static int combine(int first, int second, long secondBytes) {
    int shift = ONE;
    for (int bit = 0; bit < Long.SIZE - 3; bit++) {
      if ((secondBytes >>> bit & 1) != 0) {
        shift = product(shift, POWERS[bit + 3]);
      }
    }
    return product(shift, first) ^ second;
  }

  /** Multiplies two polynomials modulo {@link #POLYNOMIAL}. */
  private static int product(int left, int right) {
    int sum = 0;
    int factor = right;
    for (int bit = 31; bit >= 0; bit--) {
      sum ^= factor & -(left >>> bit & 1);
      factor = (factor >>> 1) ^ (POLYNOMIAL & -(factor & 1));
    }
    return sum;
  }

  /**
   * The checksum of a tensor that is written in pieces, in any order and by several threads. Pieces
   * that touch are merged at once, so there are never more pieces than gaps between them.
   */
  public static final class PieceChecksum {
    private final NavigableMap<Long, Piece> pieces = new TreeMap<>();

    /** Bytes side by side and their checksum. */
    private record Piece(long length, int crc) {
      Piece followedBy(Piece next) {
        return new Piece(length + next.length, Crc32c.combine(crc, next.crc, next.length));
      }
    }

    /**
     * Adds a piece. Pieces don't overlap.
     *
     * @param offset where it starts in the tensor, in bytes
     * @param length in bytes; nothing is added for 0
     * @param crc its checksum
     */
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
     * @param length of the tensor, in bytes
     * @throws IllegalStateException if pieces are missing
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
}
