package io.github.wandacuda.io;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.function.Consumer;

/**
 * Reads memory from an offset of a file and writes it there, all of it, in pieces: the system may
 * take less at a time than it is asked to. Several threads may work on one file.
 */
public final class FilePieces {
  /**
   * How many bytes are read or written at a time. That bounds what the JDK allocates off the heap
   * for memory that is on it.
   */
  private static final long PIECE = 1 << 20;

  private FilePieces() {}

  /**
   * Fills memory.
   *
   * @param position where to start in the file, in bytes
   * @param destination native, or an array of any type
   * @return false if the file ends before that; what is read of it is then undefined
   * @throws IOException if the file can't be read
   */
  public static boolean read(FileChannel channel, long position, MemorySegment destination)
      throws IOException {
    for (long at = 0; at < destination.byteSize(); at += PIECE) {
      if (!readPiece(channel, position + at, piece(destination, at))) {
        return false;
      }
    }
    return true;
  }

  /**
   * Hands on the bytes of a part of a file, as for a checksum.
   *
   * @param position of the part's first byte
   * @param length of the part, in bytes
   * @param taker is given one piece after the other, each in the same memory
   * @return false if the file ends before the part does
   * @throws IOException if the file can't be read
   */
  public static boolean forEach(
      FileChannel channel, long position, long length, Consumer<ByteBuffer> taker)
      throws IOException {
    ByteBuffer piece = ByteBuffer.allocateDirect((int) Math.min(PIECE, length));
    for (long at = 0; at < length; at += piece.limit()) {
      piece.clear().limit((int) Math.min(PIECE, length - at));
      if (!read(channel, position + at, piece)) {
        return false;
      }
      taker.accept(piece.flip());
    }
    return true;
  }

  private static boolean readPiece(FileChannel channel, long position, MemorySegment piece)
      throws IOException {
    if (piece.heapBase().filter(array -> !(array instanceof byte[])).isEmpty()) {
      return read(channel, position, piece.asByteBuffer());
    }
    // Of all arrays only those of bytes can be buffers.
    byte[] bytes = new byte[(int) piece.byteSize()];
    boolean whole = read(channel, position, ByteBuffer.wrap(bytes));
    piece.copyFrom(MemorySegment.ofArray(bytes));
    return whole;
  }

  private static boolean read(FileChannel channel, long position, ByteBuffer piece)
      throws IOException {
    while (piece.hasRemaining()) {
      if (channel.read(piece, position + piece.position()) < 0) {
        return false;
      }
    }
    return true;
  }

  /**
   * Writes memory.
   *
   * @param position where to start in the file, in bytes
   * @param source native, or an array of bytes
   * @throws IOException if it can't be written, or the system writes none of it
   */
  public static void write(FileChannel channel, long position, MemorySegment source)
      throws IOException {
    for (long at = 0; at < source.byteSize(); at += PIECE) {
      ByteBuffer piece = piece(source, at).asByteBuffer();
      while (piece.hasRemaining()) {
        if (channel.write(piece, position + at + piece.position()) <= 0) {
          throw new IOException(
              "the system wrote none of the remaining %d bytes".formatted(piece.remaining()));
        }
      }
    }
  }

  /**
   * Hands on the bytes of memory, as for a checksum.
   *
   * @param memory native, or an array of bytes
   * @param taker is given one view after the other, in their order
   */
  public static void forEach(MemorySegment memory, Consumer<ByteBuffer> taker) {
    for (long at = 0; at < memory.byteSize(); at += PIECE) {
      taker.accept(piece(memory, at).asByteBuffer());
    }
  }

  private static MemorySegment piece(MemorySegment memory, long at) {
    return memory.asSlice(at, Math.min(PIECE, memory.byteSize() - at));
  }
}
