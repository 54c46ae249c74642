package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.JsonInput;
import io.github.wandacuda.scalar.RowPacking;
import io.github.wandacuda.scalar.ScalarRowPacking;
import io.github.wandacuda.simd.Lanes;
import io.github.wandacuda.simd.VectorRowPacking;
import io.github.wandacuda.system.ThisRuntime;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The tensors of a packed shard as they were before: packed weights are unpacked as they are read,
 * some rows at a time, so that what reads a shard can read a packed one.
 */
public final class PackedShard implements TensorBytes {
  /** Bytes of unpacked rows that are read at a time. */
  private static final long CHUNK = 256 << 10;

  private final SafetensorsFile stored;
  private final Map<String, PackedModule> modules = new HashMap<>();
  private final RowPacking packing = packing();

  private PackedShard(SafetensorsFile stored, List<TensorInfo> source) {
    this.stored = stored;
    Set<String> known = new HashSet<>(Set.of(PackedFormat.SOURCE_HEADER));
    for (TensorInfo tensor : source) {
      take(tensor, known);
    }
    for (TensorInfo tensor : stored.tensors()) {
      if (!known.contains(tensor.name())) {
        throw ErrorDetails.tensor(stored.path(), tensor.name())
            .wrong("none that the unpacked shard has no use for", "one");
      }
    }
  }

  /** Returns the fastest code for rows: on vectors where there are instructions for it. */
  public static RowPacking packing() {
    return ThisRuntime.hasVectors() && Lanes.COMPRESSES_SHORTS
        ? new VectorRowPacking()
        : new ScalarRowPacking();
  }

  /**
   * Returns the shard that a packed one stands for: its header, and its tensors to the byte.
   *
   * @param stored the packed shard, which is closed with the result
   * @throws InputException if it isn't packed, is of another version, or its tensors aren't those
   *     that its source's header asks for
   */
  public static SafetensorsFile unpacked(SafetensorsFile stored) {
    String format = stored.metadata().get(PackedFormat.METADATA_KEY);
    if (!PackedFormat.FORMAT.equals(format)) {
      throw ErrorDetails.part(stored.path(), "format")
          .hint(
              PackedFormat.isPacked(stored.metadata())
                  ? "another version of wanda-cuda has packed it"
                  : "config.json says that the model is packed, but this shard isn't")
          .wrong(PackedFormat.FORMAT, format == null ? "none" : Printable.of(format));
    }
    return SafetensorsFile.of(
        stored.path(), header(stored), tensors -> new PackedShard(stored, tensors));
  }

  /**
   * Returns a shard that isn't packed.
   *
   * @throws InputException if it is packed, in whatever version
   */
  public static SafetensorsFile requireDense(SafetensorsFile stored) {
    if (PackedFormat.isPacked(stored.metadata())) {
      throw ErrorDetails.part(stored.path(), "format")
          .hint("take the config.json that pack wrote")
          .wrong(
              "weights that aren't packed, as config.json says",
              Printable.of(stored.metadata().get(PackedFormat.METADATA_KEY)));
    }
    return stored;
  }

  /** Returns the bytes that the unpacked shard begins with, as the packed one keeps them. */
  private static byte[] header(SafetensorsFile stored) {
    TensorInfo info =
        stored
            .tensor(PackedFormat.SOURCE_HEADER)
            .orElseThrow(
                () ->
                    ErrorDetails.tensor(stored.path(), PackedFormat.SOURCE_HEADER)
                        .wrong("it in the file", "none"));
    long most = JsonInput.LONGEST + Long.BYTES;
    if (!info.dtype().equals("U8") || info.shape().size() != 1 || info.bytes() > most) {
      throw ErrorDetails.tensor(stored.path(), info.name())
          .wrong("U8, at most [%d]".formatted(most), info.what());
    }
    byte[] header = new byte[(int) info.bytes()];
    stored.read(info, 0, MemorySegment.ofArray(header));
    return header;
  }

  /**
   * Finds what holds a tensor of the unpacked shard: one of the same name, or a packed weight's
   * parts.
   *
   * @param known takes the names of what was found
   */
  private void take(TensorInfo tensor, Set<String> known) {
    Optional<TensorInfo> same = stored.tensor(tensor.name());
    if (same.isPresent()) {
      requireAlike(tensor, same.get());
      known.add(tensor.name());
    } else if (isPacked(tensor)) {
      PackedModule module = PackedModule.find(stored, tensor);
      modules.put(tensor.name(), module);
      known.addAll(PackedFormat.Names.of(tensor.name()).all());
    } else {
      throw ErrorDetails.tensor(stored.path(), tensor.name())
          .wrong("it, as the unpacked shard has it", "none");
    }
  }

  private void requireAlike(TensorInfo tensor, TensorInfo found) {
    if (!found.dtype().equals(tensor.dtype()) || !found.shape().equals(tensor.shape())) {
      throw ErrorDetails.tensor(stored.path(), tensor.name())
          .wrong(tensor.what() + ", as in the unpacked shard", found.what());
    }
  }

  private boolean isPacked(TensorInfo tensor) {
    return tensor.isMatrix()
        && (PackedFormat.Elements.of(tensor).isPresent()
            || stored
                .tensor(PackedFormat.Names.of(tensor.name()).shape())
                .filter(PackedFormat.Elements::areNibbles)
                .isPresent());
  }

  /** Returns the packed shard as it is stored; closed with this. */
  public SafetensorsFile stored() {
    return stored;
  }

  /** Returns how many of its weights are packed. */
  public int modules() {
    return modules.size();
  }

  /**
   * Returns a packed weight by the name of the tensor that it stands for, or nothing if that is
   * stored dense.
   */
  Optional<PackedModule> module(String weight) {
    return Optional.ofNullable(modules.get(weight));
  }

  @Override
  public void read(TensorInfo info, long offset, MemorySegment destination) {
    PackedModule module = modules.get(info.name());
    if (module == null) {
      stored.read(stored.tensor(info.name()).orElseThrow(), offset, destination);
    } else if (destination.byteSize() > 0) {
      unpack(module, offset, destination);
    }
  }

  private void unpack(PackedModule module, long offset, MemorySegment destination) {
    long rowBytes = module.elements().rowBytes();
    int end = Math.toIntExact(Math.ceilDiv(offset + destination.byteSize(), rowBytes));
    int atOnce = (int) Math.max(1, Math.min(Integer.MAX_VALUE / 2, CHUNK / rowBytes));
    for (int first = (int) (offset / rowBytes); first < end; first += atOnce) {
      int count = Math.min(atOnce, end - first);
      try (Arena memory = Arena.ofConfined()) {
        PackedModule.Rows rows = module.read(first, count, memory);
        for (int row = 0; row < count; row++) {
          long at = (first + row) * rowBytes - offset;
          if (at >= 0 && at + rowBytes <= destination.byteSize()) {
            rows.unpack(row, packing, destination, at);
          } else {
            MemorySegment whole = memory.allocate(rowBytes);
            rows.unpack(row, packing, whole, 0);
            copyPart(whole, at, destination);
          }
        }
      }
    }
  }

  /** Copies the part of a row that lies inside of the destination, in which it begins at `at`. */
  private static void copyPart(MemorySegment row, long at, MemorySegment destination) {
    long from = Math.max(0, at);
    long to = Math.min(destination.byteSize(), at + row.byteSize());
    MemorySegment.copy(row, from - at, destination, from, to - from);
  }

  @Override
  public void close() {
    stored.close();
  }
}
