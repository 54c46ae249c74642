package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.Mask;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.gguf.GgufFiles.Stored;
import io.github.wandacuda.checkpoint.gguf.GgufZeroCodes.ZeroCode;
import io.github.wandacuda.checkpoint.gguf.RowSource.StoredRow;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.io.InputFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The file of a model in GGUF of which some weights are 0: the source's bytes, but for the codes of
 * these weights. Of a split model it is a single file. Immutable.
 *
 * @see GgufZerosWriter which writes it
 */
public final class GgufZeros {
  static final int CHUNK = 1 << 20;

  private final GgufFiles files;
  private final GgufHeader header;
  private final byte[] start;

  /** Where the file has each of the source's tensors. */
  private final Map<String, Long> begins = new HashMap<>();

  /** Rows of the source's tensors that are of a weight which has zeros. */
  private final Map<String, BitSet> zeroed = new HashMap<>();

  /**
   * Lays the file out.
   *
   * @param source a model in GGUF
   * @param weights those that have zeros, each with {@link GgufWeight#hasZeroCode a code} for it
   * @param described what was done, as {@link GgufRemoval#described} writes it; or nothing
   */
  public GgufZeros(Checkpoint source, List<GgufWeight> weights, Optional<String> described) {
    files = GgufCheckpoint.filesOf(source);
    GgufRemoval whole = GgufRemoval.whole(source);
    header = described.map(whole::described).orElse(whole).header();
    start = header.bytes();
    header.tensors().forEach(tensor -> begins.put(tensor.name(), at(tensor.begin())));
    for (GgufWeight weight : weights) {
      for (int row = 0; row < weight.rows(); row++) {
        StoredRow place = weight.row(row);
        zeroed.computeIfAbsent(place.stored().name(), name -> new BitSet()).set(place.row());
      }
    }
  }

  private long at(long offset) {
    return header.dataOffset() + offset;
  }

  /** Returns the length of the file, the padding behind its last tensor included. */
  public long bytes() {
    return GgufCopy.bytes(header);
  }

  /** Returns what the file begins with. */
  byte[] start() {
    return start;
  }

  /** Returns where the file has a row of the source. */
  long place(StoredRow row) {
    Stored stored = row.stored();
    return begins.get(stored.name()) + row.row() * stored.tensor().rowBytes();
  }

  /** Takes bytes of a tensor that are the source's. */
  @FunctionalInterface
  interface Kept {
    /**
     * Takes them.
     *
     * @param from their offset in the source's file
     * @param to their offset in this file
     */
    void take(Stored stored, long from, long to, long bytes) throws IOException;
  }

  /** Visits what is outside of the weights that have zeros, in the order of the file. */
  void forEachKept(Kept kept) throws IOException {
    for (Stored stored : files.tensors().values()) {
      GgufTensor tensor = stored.tensor();
      long from = stored.file().header().dataOffset() + tensor.begin();
      long to = begins.get(stored.name());
      BitSet without = zeroed.getOrDefault(stored.name(), new BitSet());
      for (int row = without.nextClearBit(0); row < tensor.rows(); ) {
        int next = without.nextSetBit(row);
        int end = next < 0 ? tensor.rows() : next;
        long offset = row * tensor.rowBytes();
        kept.take(stored, from + offset, to + offset, (end - row) * tensor.rowBytes());
        row = without.nextClearBit(end);
      }
    }
  }

  /** Takes zeros of the file that fill it up to the next tensor. */
  @FunctionalInterface
  interface Padding {
    void take(long at, int bytes) throws IOException;
  }

  /** Visits the padding behind each tensor. */
  void forEachPadding(Padding padding) throws IOException {
    for (GgufTensor tensor : header.tensors()) {
      long end = GgufHeader.padded(tensor.end(), header.alignment());
      padding.take(at(tensor.end()), (int) (end - tensor.end()));
    }
  }

  /** Takes rows as the file has them. */
  @FunctionalInterface
  interface Rows {
    void take(long at, byte[] codes) throws IOException;
  }

  /**
   * Visits the rows of a weight that have zeros.
   *
   * @param weight one of those that the file was laid out for
   * @param mask packed, of all of its rows
   */
  static void forEachZeroed(GgufZeros layout, GgufWeight weight, MemorySegment mask, Rows rows)
      throws IOException {
    if (weight.rows() == 0) {
      return;
    }
    Mask kept = Mask.of(mask, weight.rows(), weight.columns());
    weight.forEachRun(
        CHUNK,
        (row, begin, count) -> {
          Stored stored = begin.stored();
          long rowBytes = stored.tensor().rowBytes();
          byte[] codes = new byte[Math.toIntExact(count * rowBytes)];
          stored.read(begin.row() * rowBytes, MemorySegment.ofArray(codes));
          GgufType type = stored.tensor().type();
          for (int index = 0; index < count; index++) {
            zero(type, codes, Math.toIntExact(index * rowBytes), kept, row + index);
          }
          rows.take(layout.place(begin), codes);
        });
  }

  /**
   * Makes the weights of a row 0 that a mask takes out.
   *
   * @param codes of rows
   * @param at where the row begins there
   * @param row its number in the mask
   */
  private static void zero(GgufType type, byte[] codes, int at, Mask kept, int row) {
    ZeroCode zero = GgufZeroCodes.of(type).orElseThrow();
    int block = type.blockElements();
    for (int from = 0; from < kept.columns(); from += block) {
      int begin = at + from / block * type.blockBytes();
      for (int element = 0; element < block; element++) {
        if (!kept.isKept(row, from + element)) {
          zero.write(codes, begin, element);
        }
      }
    }
  }

  /**
   * Compares a file with this one, but for the weights that have zeros.
   *
   * @return what differs first, or nothing
   * @throws io.github.wandacuda.error.InputException if it isn't there or is no GGUF file
   */
  public Optional<ErrorDetails> firstDifference(Path file) {
    try (GgufFile found = GgufFile.open(file)) {
      Optional<ErrorDetails> differs = GgufCopy.differingHeader(found, header, bytes());
      return differs.isPresent()
          ? differs
          : InputFile.reading(file, () -> differingRest(found.path(), found.channel()));
    }
  }

  private Optional<ErrorDetails> differingRest(Path path, FileChannel found) throws IOException {
    ErrorDetails[] first = new ErrorDetails[1];
    forEachKept(
        (stored, from, to, bytes) -> {
          if (first[0] == null && !GgufCopy.equals(stored.file(), from, found, to, bytes)) {
            first[0] =
                ErrorDetails.tensor(path, stored.name())
                    .expected("the source's bytes where nothing was pruned", "others");
          }
        });
    forEachPadding(
        (at, bytes) -> {
          byte[] there = new byte[bytes];
          boolean whole = FilePieces.read(found, at, MemorySegment.ofArray(there));
          if (first[0] == null && !(whole && Arrays.equals(there, new byte[bytes]))) {
            first[0] =
                ErrorDetails.part(path, "byte " + at)
                    .expected("zeros between two tensors", "other bytes");
          }
        });
    return Optional.ofNullable(first[0]);
  }

  /**
   * Compares a weight of a file with this one's.
   *
   * @param weight one of those that this was laid out for
   * @param mask packed, of all of its rows
   * @return what differs first, or nothing
   */
  public Optional<ErrorDetails> firstDifference(
      Checkpoint pruned, GgufWeight weight, MemorySegment mask) {
    GgufFile file = GgufCheckpoint.filesOf(pruned).tensors().values().iterator().next().file();
    return InputFile.reading(
        file.path(),
        () -> {
          ErrorDetails[] first = new ErrorDetails[1];
          forEachZeroed(
              this,
              weight,
              mask,
              (at, codes) -> {
                byte[] there = new byte[codes.length];
                boolean whole =
                    first[0] == null
                        && FilePieces.read(file.channel(), at, MemorySegment.ofArray(there));
                int differs = whole ? Arrays.mismatch(codes, there) : 0;
                if (first[0] == null && differs >= 0) {
                  first[0] = differing(file.path(), at + differs, codes[differs], there[differs]);
                }
              });
          return Optional.ofNullable(first[0]);
        });
  }

  private ErrorDetails differing(Path path, long at, byte expected, byte found) {
    GgufTensor tensor =
        header.tensors().stream()
            .filter(each -> at(each.begin()) <= at && at < at(each.end()))
            .findFirst()
            .orElseThrow();
    long inside = at - at(tensor.begin());
    return ErrorDetails.tensor(path, tensor.name())
        .said(
            "row %d, byte %d: expected 0x%02x, as in the source with the pruned weights 0, found 0x%02x"
                .formatted(
                    inside / tensor.rowBytes(), inside % tensor.rowBytes(), expected, found));
  }
}
