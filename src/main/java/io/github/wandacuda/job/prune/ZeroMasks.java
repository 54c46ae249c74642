package io.github.wandacuda.job.prune;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.job.output.UnfinishedRun;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.ModuleTiles;
import io.github.wandacuda.pruning.TilePairs;
import io.github.wandacuda.pruning.mask.ModuleMasks;
import io.github.wandacuda.pruning.mask.RowWords;
import io.github.wandacuda.pruning.mask.TileBuffers;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/**
 * The zeros of a pruned model as masks of another model with the same modules: weights that are
 * +0.0 or -0.0 there are pruned, all others kept. The types of the weights may differ; those of a
 * quantized model are zero if their codes stand for zero.
 */
final class ZeroMasks implements ModuleMasks {
  private final ModelDirectory pruned;
  private final Map<String, LinearModule> modules;

  private ZeroMasks(ModelDirectory pruned) {
    this.pruned = pruned;
    modules = pruned.modulesByName();
  }

  /**
   * Opens a pruned model, and checks that each of its modules is one of a model's, of the same
   * shape.
   *
   * @param directory the pruned model's; one that is packed has to be unpacked first
   * @param model the one that is to be pruned
   * @throws InputException if the directory holds no finished model with such modules
   */
  static ZeroMasks open(Path directory, ModelDirectory model) {
    UnfinishedRun.requireNone(directory);
    ZeroMasks masks = new ZeroMasks(ModelDirectory.open(directory, model.config().family()));
    OnFailure.run(masks::close, () -> masks.check(model));
    return masks;
  }

  private void check(ModelDirectory model) {
    pruned.requireUnpacked("taking its zeros");
    Map<String, LinearModule> others = model.modulesByName();
    for (LinearModule module : pruned.modules()) {
      LinearModule other = others.get(module.name());
      if (other == null) {
        throw module
            .place()
            .hint("its zeros are another model's")
            .wrong("a module of the model", "none of that name");
      }
      if (module.rows() != other.rows() || module.columns() != other.columns()) {
        throw module
            .place()
            .hint("its zeros are another model's")
            .wrong(weights(other) + ", as in the model", weights(module));
      }
    }
  }

  /** Returns the shape of a module's weights in words. */
  private static String weights(LinearModule module) {
    return "%d x %d weights".formatted(module.rows(), module.columns());
  }

  /** Returns the files that the zeros are read from. */
  List<Path> files() {
    return pruned.checkpoint().shards().stream().map(SafetensorsFile::path).toList();
  }

  @Override
  public void require(Collection<LinearModule> chosen) {
    chosen.forEach(module -> zeros(module).requireRead());
  }

  /** Returns the pruned model's module of the same name. */
  private LinearModule zeros(LinearModule module) {
    LinearModule found = modules.get(module.name());
    if (found == null) {
      throw ErrorDetails.tensor(pruned.path(), module.tensor().name())
          .wrong("the module's weight, for its zeros", "none");
    }
    return found;
  }

  @Override
  public void read(LinearModule module, MemorySegment mask) {
    LinearModule zeros = zeros(module);
    if (zeros.elements() == 0) {
      return;
    }
    try (TileBuffers buffers = TileBuffers.inCache(1)) {
      ModuleTiles tiles = TilePairs.tiles(zeros, zeros.shard(), buffers);
      for (int tile = 0; tile < tiles.tiles().count(); tile++) {
        long first = tiles.tiles().firstRow(tile);
        keepOthers(
            tiles.read(0, tile), mask.asSlice(first * Selector.maskRowBytes(zeros.columns())));
      }
    }
  }

  /** Sets the bits of weights in a tile that aren't zero. */
  private static void keepOthers(WeightMatrix weights, MemorySegment mask) {
    int columns = weights.columns();
    long rowBytes = Selector.maskRowBytes(columns);
    RowWords words = new RowWords(weights.dtype(), columns);
    for (int row = 0; row < weights.rows(); row++) {
      int start = words.read(weights, row);
      for (int from = 0; from < columns; from += RowWords.BITS) {
        long kept = ~words.zeros(start + from / words.lanes());
        int bits = Math.min(RowWords.BITS, columns - from);
        // Words behind the last column look as if they weren't zero, but a mask is padded with 0.
        kept &= -1L >>> Long.SIZE - bits;
        long at = row * rowBytes + from / Byte.SIZE;
        for (int shift = 0; shift < bits; shift += Byte.SIZE) {
          mask.set(ValueLayout.JAVA_BYTE, at + shift / Byte.SIZE, (byte) (kept >>> shift));
        }
      }
    }
  }

  @Override
  public void close() {
    pruned.close();
  }
}
