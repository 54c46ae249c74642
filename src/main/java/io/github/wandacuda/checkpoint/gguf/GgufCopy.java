package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.io.InputFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongConsumer;

/**
 * The file that a {@link GgufRemoval} describes, as its header and the ranges of the source that
 * follow it. The system copies these from file to file, so nothing of them passes through Java.
 */
public final class GgufCopy {
  private static final long CHUNK = 1 << 20;

  private final GgufRemoval smaller;
  private final GgufHeader header;

  /** The header's bytes, which may be megabytes of a tokenizer's texts. */
  private final byte[] start;

  /** Lays a smaller model's file out. */
  public GgufCopy(GgufRemoval smaller) {
    this.smaller = smaller;
    header = smaller.header();
    start = header.bytes();
  }

  /** Returns the length of the file, the padding behind its last tensor included. */
  public long bytes() {
    return bytes(header);
  }

  /** Returns the length of a file by its header, likewise. */
  static long bytes(GgufHeader header) {
    List<GgufTensor> tensors = header.tensors();
    return tensors.isEmpty()
        ? header.dataOffset()
        : GgufHeader.padded(header.dataOffset() + tensors.getLast().end(), header.alignment());
  }

  /**
   * Writes the file, and forces it to the device. What an earlier run wrote is gone on with as far
   * as it is right.
   *
   * @param file there already if it is gone on with
   * @param written is told of bytes as they are written or found to be right
   * @throws IOException if the file can't be written
   * @throws UsageException if another run is writing it
   */
  public void write(Path file, LongConsumer written) throws IOException {
    try (FileChannel out =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      if (!AtomicWrite.tryLock(out)) {
        throw new UsageException(file + ": another run is writing it");
      }
      boolean begun = isBegun(out);
      if (!begun) {
        out.truncate(0);
        put(out, ByteBuffer.wrap(start));
      }
      for (int index = 0; index < smaller.slices().size(); index++) {
        GgufSlice slice = smaller.slices().get(index);
        long begin = header.dataOffset() + header.tensors().get(index).begin();
        long end = header.dataOffset() + header.tensors().get(index).end();
        long padded = GgufHeader.padded(end, header.alignment());
        if (begun && out.size() >= padded && equals(slice, out, begin) && isPadded(out, end)) {
          written.accept(slice.bytes());
          continue;
        }
        begun = false;
        out.truncate(begin);
        out.position(begin);
        copy(slice, out, written);
        put(out, ByteBuffer.allocate((int) (padded - end)));
      }
      out.truncate(bytes());
      out.force(true);
    }
  }

  private boolean isBegun(FileChannel out) throws IOException {
    return beginsWith(out, start);
  }

  /** Returns whether a file begins with some bytes. */
  static boolean beginsWith(FileChannel out, byte[] start) throws IOException {
    byte[] there = new byte[start.length];
    return out.size() >= there.length
        && FilePieces.read(out, 0, MemorySegment.ofArray(there))
        && Arrays.equals(there, start);
  }

  /**
   * Compares a file with what was to be written.
   *
   * @return what differs first, or nothing
   * @throws io.github.wandacuda.error.InputException if it isn't there or is no GGUF file
   */
  public Optional<ErrorDetails> firstDifference(Path file) {
    try (GgufFile found = GgufFile.open(file)) {
      Optional<ErrorDetails> differs = differingHeader(found, header, bytes());
      if (differs.isPresent()) {
        return differs;
      }
      for (int index = 0; index < smaller.slices().size(); index++) {
        GgufSlice slice = smaller.slices().get(index);
        long begin = header.dataOffset() + header.tensors().get(index).begin();
        if (!InputFile.reading(file, () -> equals(slice, found.channel(), begin))) {
          return Optional.of(
              ErrorDetails.tensor(file, slice.name())
                  .expected("the bytes of the source's " + slice.stored().name(), "others"));
        }
        if (!InputFile.reading(file, () -> isPadded(found.channel(), begin + slice.bytes()))) {
          return Optional.of(
              ErrorDetails.tensor(file, slice.name())
                  .expected("zeros behind it, up to the next tensor", "others"));
        }
      }
      return Optional.empty();
    }
  }

  /**
   * Compares what a file begins with, and its length.
   *
   * @param header that it should have
   * @param length of the whole file in bytes
   * @return what differs first, or nothing
   */
  static Optional<ErrorDetails> differingHeader(GgufFile found, GgufHeader header, long length) {
    return differingKey(found, header)
        .or(
            () ->
                Arrays.equals(found.header().bytes(), header.bytes()) && found.length() == length
                    ? Optional.empty()
                    : Optional.of(
                        ErrorDetails.part(found.path(), "header")
                            .expected(
                                "the tensors that are left, and nothing behind them", "others")));
  }

  private static Optional<ErrorDetails> differingKey(GgufFile found, GgufHeader header) {
    Map<String, GgufValue> there = found.header().keys();
    Set<String> names = new LinkedHashSet<>(header.keys().keySet());
    names.addAll(there.keySet());
    return names.stream()
        .filter(
            name ->
                !header.keys().containsKey(name)
                    || !there.containsKey(name)
                    || !header.keys().get(name).equals(there.get(name)))
        .findFirst()
        .map(
            name ->
                ErrorDetails.part(found.path(), "key " + Printable.of(name))
                    .expected(said(header.keys().get(name)), said(there.get(name))));
  }

  private static String said(GgufValue value) {
    return value == null ? "none" : value.shown();
  }

  /** Returns whether a file has a slice's bytes from a place on. */
  private static boolean equals(GgufSlice slice, FileChannel file, long begin) throws IOException {
    GgufFile source = slice.stored().file();
    long from = source.header().dataOffset() + slice.stored().tensor().begin();
    long[] at = {begin};
    boolean[] same = {true};
    IOException[] failure = new IOException[1];
    slice.forEach(
        (offset, bytes) -> {
          try {
            same[0] =
                same[0] && failure[0] == null && equals(source, from + offset, file, at[0], bytes);
            at[0] += bytes;
          } catch (IOException e) {
            failure[0] = e;
          }
        });
    if (failure[0] != null) {
      throw failure[0];
    }
    return same[0];
  }

  /** Returns whether zeros fill a file from the end of a tensor up to where the next may begin. */
  private boolean isPadded(FileChannel file, long end) throws IOException {
    byte[] padding = new byte[(int) (GgufHeader.padded(end, header.alignment()) - end)];
    return FilePieces.read(file, end, MemorySegment.ofArray(padding))
        && Arrays.equals(padding, new byte[padding.length]);
  }

  /** Returns whether a file has bytes of a source from a place on. */
  static boolean equals(GgufFile source, long from, FileChannel file, long begin, long bytes)
      throws IOException {
    try (Arena memory = Arena.ofConfined()) {
      long chunk = Math.min(CHUNK, bytes);
      MemorySegment first = memory.allocate(chunk, Long.BYTES);
      MemorySegment second = memory.allocate(chunk, Long.BYTES);
      for (long done = 0; done < bytes; done += chunk) {
        long count = Math.min(chunk, bytes - done);
        MemorySegment wanted = first.asSlice(0, count);
        MemorySegment found = second.asSlice(0, count);
        if (!FilePieces.read(source.channel(), from + done, wanted)
            || !FilePieces.read(file, begin + done, found)
            || wanted.mismatch(found) >= 0) {
          return false;
        }
      }
    }
    return true;
  }

  private static void put(FileChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  private static void copy(GgufSlice slice, FileChannel out, LongConsumer written)
      throws IOException {
    GgufFile file = slice.stored().file();
    long begin = file.header().dataOffset() + slice.stored().tensor().begin();
    IOException[] failure = new IOException[1];
    slice.forEach(
        (offset, bytes) -> {
          try {
            if (failure[0] == null) {
              copy(file, begin + offset, bytes, out);
              written.accept(bytes);
            }
          } catch (IOException e) {
            failure[0] = e;
          }
        });
    if (failure[0] != null) {
      throw failure[0];
    }
  }

  /** Copies bytes of a file to where another one stands. */
  static void copy(GgufFile file, long from, long bytes, FileChannel out) throws IOException {
    long done = 0;
    while (done < bytes) {
      CancelledException.throwIfInterrupted();
      long count = file.channel().transferTo(from + done, bytes - done, out);
      if (count <= 0) {
        throw ErrorDetails.file(file.path())
            .wrong(
                file.length() + " bytes, as when the run began", file.channel().size() + " bytes");
      }
      done += count;
    }
  }
}
