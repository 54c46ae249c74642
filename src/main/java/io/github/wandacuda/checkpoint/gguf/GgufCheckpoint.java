package io.github.wandacuda.checkpoint.gguf;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SafetensorsWriter;
import io.github.wandacuda.checkpoint.TensorBytes;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * A model in GGUF, seen as the checkpoint and config of Hugging Face that it was made of: tensors
 * have that form's names, shapes and order of rows. Codes are widened to float32 as they are read.
 *
 * @param config what {@code config.json} would say
 * @param checkpoint the weights, as one shard
 */
public record GgufCheckpoint(ObjectNode config, Checkpoint checkpoint) {
  /** Returns whether a path is a file in GGUF, by how it begins. */
  public static boolean is(Path path) {
    return GgufFile.is(path);
  }

  /**
   * Opens a model. The checkpoint closes its files.
   *
   * @param path the only file, or the first of a split model's
   * @throws InputException if a file is missing or breaks the format, or the model is of an
   *     architecture that isn't known, or has a tensor that the architecture hasn't
   */
  public static GgufCheckpoint open(Path path) {
    GgufFiles files = GgufFiles.open(path);
    return OnFailure.close(
        files::close,
        () -> {
          GgufConfig config = new GgufConfig(files);
          ObjectNode json = config.json();
          List<GgufView> views = new GgufViews(files, config).all();
          List<TensorInfo> layout =
              SafetensorsWriter.layout(views.stream().map(GgufView::info).toList());
          SafetensorsFile shard =
              SafetensorsFile.of(
                  path,
                  SafetensorsWriter.header(layout, Map.of()),
                  unused -> new Bytes(files, layout, views));
          return new GgufCheckpoint(json, new Checkpoint(path, Optional.empty(), List.of(shard)));
        });
  }

  /** Returns whether a checkpoint is that of a model in GGUF. */
  public static boolean is(Checkpoint checkpoint) {
    return checkpoint.shards().stream().anyMatch(GgufCheckpoint::is);
  }

  /** Returns whether a shard is what a model in GGUF is seen as. */
  public static boolean is(SafetensorsFile shard) {
    return shard.bytes() instanceof Bytes;
  }

  /** Returns how many bytes the files of a model in GGUF have together. */
  public static long fileBytes(Checkpoint checkpoint) {
    return filesOf(checkpoint).bytes();
  }

  /** Returns how many bytes the largest file of a model in GGUF has. */
  public static long largestFile(Checkpoint checkpoint) {
    return filesOf(checkpoint).largest();
  }

  /** Returns how many tensors of each type a model in GGUF has, by the types' names. */
  public static SortedMap<String, Integer> types(Checkpoint checkpoint) {
    SortedMap<String, Integer> types = new TreeMap<>();
    for (GgufFiles.Stored stored : filesOf(checkpoint).tensors().values()) {
      types.merge(stored.tensor().type().name(), 1, Integer::sum);
    }
    return types;
  }

  static GgufFiles filesOf(Checkpoint checkpoint) {
    return bytesOf(checkpoint).files;
  }

  private static Bytes bytesOf(Checkpoint checkpoint) {
    return (Bytes) checkpoint.shards().getFirst().bytes();
  }

  /**
   * Finds where the rows of a tensor come from.
   *
   * @param tensor one of the checkpoint's with at least one byte, perhaps an expert of a stack
   */
  static RowPlace rowsOf(Checkpoint checkpoint, TensorInfo tensor) {
    Map.Entry<Long, GgufView> place = bytesOf(checkpoint).byBegin.floorEntry(tensor.begin());
    RowSource rows = place.getValue().rows();
    return new RowPlace(rows, Math.toIntExact((tensor.begin() - place.getKey()) / rows.rowBytes()));
  }

  /**
   * The rows of a tensor among those of a source.
   *
   * @param first the row of the source that is the tensor's first
   */
  record RowPlace(RowSource source, int first) {}

  /** Reads tensors by where they would lie in the shard. */
  private static final class Bytes implements TensorBytes {
    /** Bytes of rows that are read at a time. */
    private static final long CHUNK = 1 << 20;

    private final GgufFiles files;
    private final NavigableMap<Long, GgufView> byBegin = new TreeMap<>();

    Bytes(GgufFiles files, List<TensorInfo> layout, List<GgufView> views) {
      this.files = files;
      for (int index = 0; index < views.size(); index++) {
        if (layout.get(index).bytes() > 0) {
          byBegin.put(layout.get(index).begin(), views.get(index));
        }
      }
    }

    @Override
    public void read(TensorInfo info, long offset, MemorySegment destination) {
      if (destination.byteSize() == 0) {
        return;
      }
      // By the place, since of stacked experts each has an entry of its own.
      Map.Entry<Long, GgufView> place = byBegin.floorEntry(info.begin());
      RowSource rows = place.getValue().rows();
      read(rows, info.begin() - place.getKey() + offset, destination);
    }

    private static void read(RowSource source, long offset, MemorySegment destination) {
      long rowBytes = source.rowBytes();
      int atOnce = (int) Math.max(1, CHUNK / rowBytes);
      long end = offset + destination.byteSize();
      for (long at = offset; at < end; ) {
        int row = Math.toIntExact(at / rowBytes);
        if (at % rowBytes != 0 || end - at < rowBytes) {
          at += readPart(source, row, at, destination.asSlice(at - offset));
        } else {
          int rows = (int) Math.min(atOnce, (end - at) / rowBytes);
          source.read(row, rows, destination.asSlice(at - offset, rows * rowBytes));
          at += rows * rowBytes;
        }
      }
    }

    /** Reads a part of a row, from a place on to its end or the destination's. */
    private static long readPart(RowSource source, int row, long at, MemorySegment destination) {
      long from = at % source.rowBytes();
      long count = Math.min(source.rowBytes() - from, destination.byteSize());
      try (Arena memory = Arena.ofConfined()) {
        MemorySegment whole = memory.allocate(source.rowBytes(), Long.BYTES);
        source.read(row, 1, whole);
        MemorySegment.copy(whole, from, destination, 0, count);
      }
      return count;
    }

    @Override
    public void close() {
      files.close();
    }
  }
}
