package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.system.Workers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongConsumer;

/**
 * Writes the file of a {@link GgufExport}, tile by tile of some rows: so it takes the same memory
 * whatever the model's size.
 */
public final class GgufExportWriter implements AutoCloseable {
  /** Numbers of a tile, at most, but for one that is a single row. */
  private static final int TILE = 1 << 20;

  /** A tensor counts as pruned if one in this many of its weights is 0, or more. */
  private static final int PRUNED_PART = 4;

  private final GgufExport export;
  private final Path file;
  private final FileChannel out;
  private final List<Tile> tiles = new ArrayList<>();

  /** Tensors whose zeros stay by other codes than ggml's. */
  private final Set<GgufTensor> pruned = new HashSet<>();

  /** Rows of a tensor. */
  private record Tile(GgufTensor tensor, int first, int rows) {}

  private GgufExportWriter(GgufExport export, Path file, FileChannel out) {
    this.export = export;
    this.file = file;
    this.out = out;
    for (GgufTensor tensor : export.header().tensors()) {
      GgufRows rows = export.rows(tensor);
      // Vectors with rows of one number each are one tile.
      int most = Math.max(1, TILE / rows.columns());
      for (int first = 0; first < rows.rows(); first += most) {
        tiles.add(new Tile(tensor, first, Math.min(most, rows.rows() - first)));
      }
    }
  }

  /**
   * Begins a file, which replaces what has its name.
   *
   * @param attributes of the file, see {@link FileModes}
   * @throws OutputException if it can't be written
   */
  public static GgufExportWriter open(
      GgufExport export, Path file, FileAttribute<?>... attributes) {
    try {
      Files.deleteIfExists(file);
      return new GgufExportWriter(export, file, FileModes.create(file, attributes));
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /**
   * Writes all of it, and forces it to the device.
   *
   * @param written is told of the bytes of weights, by any thread
   */
  public void write(Workers workers, LongConsumer written) {
    OutputException.writing(
        file, () -> FilePieces.write(out, 0, MemorySegment.ofArray(export.header().bytes())));
    findPruned(workers);
    workers.run(
        tiles.size(),
        (worker, index) -> {
          byte[] bytes = bytes(tiles.get(index));
          long at = place(tiles.get(index));
          OutputException.writing(
              file, () -> FilePieces.write(out, at, MemorySegment.ofArray(bytes)));
          written.accept(bytes.length);
        });
    OutputException.writing(
        file,
        () -> {
          for (GgufTensor tensor : export.header().tensors()) {
            long end = export.header().dataOffset() + tensor.end();
            long padded = GgufHeader.padded(end, export.header().alignment());
            FilePieces.write(out, end, MemorySegment.ofArray(new byte[(int) (padded - end)]));
          }
          out.force(true);
        });
  }

  /**
   * Reads the file again and compares its tensors with the source's.
   *
   * @param compared is told of the bytes of weights, by any thread
   * @return the first that was found to differ, or nothing
   */
  public Optional<ErrorDetails> firstDifference(Workers workers, LongConsumer compared) {
    AtomicReference<ErrorDetails> differs = new AtomicReference<>();
    workers.run(
        tiles.size(),
        (worker, index) -> {
          Tile tile = tiles.get(index);
          byte[] expected = bytes(tile);
          byte[] found = new byte[expected.length];
          OutputException.writing(
              file,
              () -> {
                if (!FilePieces.read(out, place(tile), MemorySegment.ofArray(found))
                    || !Arrays.equals(expected, found)) {
                  differs.set(
                      ErrorDetails.tensor(file, tile.tensor().name())
                          .expected("what the source's weights round to", "other bytes"));
                }
              });
          compared.accept(expected.length);
        });
    return Optional.ofNullable(differs.get());
  }

  private long place(Tile tile) {
    GgufTensor tensor = tile.tensor();
    long before = (long) tile.first() * export.rows(tensor).columns();
    return export.header().dataOffset() + tensor.begin() + tensor.type().bytes(before);
  }

  private float[] numbers(Tile tile) {
    CancelledException.throwIfInterrupted();
    GgufRows rows = export.rows(tile.tensor());
    float[] numbers = new float[Math.multiplyExact(tile.rows(), rows.columns())];
    rows.read(tile.first(), tile.rows(), numbers);
    return numbers;
  }

  /** Finds tensors that were pruned, in types that don't keep zeros by themselves. */
  private void findPruned(Workers workers) {
    List<Tile> counted =
        tiles.stream().filter(tile -> GgufQuantizer.isOffset(tile.tensor().type())).toList();
    Map<GgufTensor, AtomicLong> zeros = new ConcurrentHashMap<>();
    workers.run(
        counted.size(),
        (worker, index) -> {
          long found = 0;
          for (float number : numbers(counted.get(index))) {
            found += number == 0 ? 1 : 0;
          }
          zeros
              .computeIfAbsent(counted.get(index).tensor(), unused -> new AtomicLong())
              .addAndGet(found);
        });
    zeros.forEach(
        (tensor, found) -> {
          if (found.get() >= tensor.elements() / PRUNED_PART) {
            pruned.add(tensor);
          }
        });
  }

  private byte[] bytes(Tile tile) {
    float[] numbers = numbers(tile);
    GgufType type = tile.tensor().type();
    byte[] bytes = new byte[Math.toIntExact(type.bytes(numbers.length))];
    GgufQuantizer.round(type, numbers, numbers.length, pruned.contains(tile.tensor()), bytes);
    return bytes;
  }

  @Override
  public void close() {
    OutputException.writing(file, out::close);
  }
}
