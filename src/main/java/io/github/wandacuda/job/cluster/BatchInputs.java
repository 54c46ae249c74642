package io.github.wandacuda.job.cluster;

import io.github.wandacuda.calibration.InputMoments;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.SharedFile;
import io.github.wandacuda.model.InputObserver;
import java.io.Serializable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;

/**
 * The inputs of a block's linear modules over one batch, in float32, in a file of an unfinished
 * output. A process that sums second moments reads all batches of an input in their order, so it
 * adds the same rows in the same order as one machine does.
 *
 * <p>Inputs are exchanged instead of sums, since these are larger: for inputs of more than 2048
 * columns, a batch of 2048 tokens has fewer bytes than its sums.
 */
final class BatchInputs implements InputObserver, AutoCloseable {
  /**
   * The rows that are read at a time: a multiple of the runs in which rows are summed, so that
   * pieces don't change the sums.
   */
  private static final int PIECE_ROWS = 2048;

  private static final long ALIGNMENT = 64;

  private final Operations operations;
  private final Set<String> wanted;
  private final int batch;
  private final SharedFile file;
  private final List<InputSlice> slices = new ArrayList<>();
  private long end;

  /**
   * Begins a file, which has a temporary name until {@link #publish}.
   *
   * @param wanted the full names of the modules whose inputs are kept
   * @param batch the batch's number
   * @param temporary a path that no other attempt uses
   */
  BatchInputs(Operations operations, Set<String> wanted, int batch, Path temporary) {
    this.operations = operations;
    this.wanted = wanted;
    this.batch = batch;
    file = SharedFile.create(temporary);
  }

  /**
   * Returns the path of a batch's file.
   *
   * @param output the unfinished output
   */
  static Path file(Path output, int block, int batch) {
    return output.resolve("%s.inputs-%d-%d".formatted(AtomicWrite.OWN, block, batch));
  }

  @Override
  public void input(List<String> modules, Tensor input) {
    if (Collections.disjoint(modules, wanted)) {
      return;
    }
    try (Arena arena = Arena.ofShared()) {
      long bytes = (long) input.rows() * input.columns() * Float.BYTES;
      MemorySegment memory = arena.allocate(bytes, ALIGNMENT);
      operations.download(input, memory);
      file.write(end, memory);
      slices.add(new InputSlice(modules, batch, end, input.rows(), input.columns()));
      end += bytes;
    }
  }

  /**
   * Gives the file its name.
   *
   * @return where each input is in it
   */
  List<InputSlice> publish(Path name) {
    file.publish(name);
    return slices;
  }

  @Override
  public void close() {
    file.close();
  }

  /**
   * Adds an input of a batch to second moments.
   *
   * @param file from which it is read
   * @param slice where it is there
   */
  static void addTo(InputMoments moments, Operations operations, Path file, InputSlice slice) {
    int most = Math.min(PIECE_ROWS, slice.rows());
    long rowBytes = (long) slice.columns() * Float.BYTES;
    try (SharedFile inputs = SharedFile.open(file);
        Arena arena = Arena.ofShared();
        Tensor piece = operations.tensor(most, slice.columns())) {
      MemorySegment memory = arena.allocate(most * rowBytes, ALIGNMENT);
      for (int from = 0; from < slice.rows(); from += most) {
        int rows = Math.min(most, slice.rows() - from);
        MemorySegment some = memory.asSlice(0, rows * rowBytes);
        inputs.read(slice.at() + from * rowBytes, some);
        Tensor view = piece.rows(0, rows);
        operations.upload(some, view);
        moments.input(slice.modules(), view);
      }
    }
  }

  /**
   * Where a file has one input of some linear modules.
   *
   * @param modules that read it, by their full names
   * @param batch the batch's number
   * @param at the input's offset in the file, in bytes
   * @param rows tokens of the batch that reached the modules
   * @param columns features of the input
   */
  record InputSlice(List<String> modules, int batch, long at, int rows, int columns)
      implements Serializable {
    /** Takes a list that travels. */
    InputSlice {
      modules = List.copyOf(modules);
    }
  }
}
