package io.github.wandacuda.families;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.InputObserver;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TensorBytes;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/** What checks of a model on one backend share. */
abstract class ModelChecks {
  /** Routers included, as the fixtures were pruned. */
  private static final ModuleChoice ALL =
      new ModuleChoice(List.of(Pattern.compile(".")), List.of());

  final Backend backend;
  private final Path model;

  ModelChecks(Backend backend, Path model) {
    this.backend = backend;
    this.model = model;
  }

  final ModelDirectory open() {
    return ModelDirectory.open(model);
  }

  final Decoder decoder(ModelDirectory opened) {
    return DecoderFamilies.open(opened, backend.operations());
  }

  /** Returns the logits of a sample's tokens, one row after the other. */
  static float[] logits(Decoder decoder, int[] sample) {
    try (Tensor hidden = decoder.operations().tensor(sample.length, decoder.hiddenSize())) {
      decoder.embed(sample, sample.length, hidden);
      for (int index = 0; index < decoder.blocks(); index++) {
        try (Block block = decoder.block(index)) {
          block.forward(hidden, sample.length, InputObserver.NONE);
        }
      }
      Tensor logits = decoder.logits(hidden);
      float[] values = new float[logits.rows() * logits.columns()];
      decoder.operations().download(logits, MemorySegment.ofArray(values));
      return values;
    }
  }

  final Path model() {
    return model;
  }

  /** Leaves out modules whose columns a pattern doesn't divide. */
  static ModuleChoice leftOut(JsonNode names) {
    List<Pattern> patterns =
        names
            .valueStream()
            .map(name -> Pattern.compile("^" + Pattern.quote(name.asText()) + "$"))
            .toList();
    return new ModuleChoice(List.of(Pattern.compile(".")), patterns);
  }

  final RunResult prune(Backend on, Calibration calibration, Path output) {
    return prune(on, calibration, Pruning.HALF, ALL, output);
  }

  final RunResult prune(
      Backend on, Calibration calibration, Sparsity sparsity, ModuleChoice choice, Path output) {
    return Pruning.prune(
        model,
        Pruning.request(
            output, Method.WANDA, sparsity, choice, calibration, true, false, Unreached.MAGNITUDE),
        on);
  }

  /**
   * Returns whether each weight of a module of the source was kept in the output, row by row; none
   * of the source was zero.
   */
  static boolean[] kept(LinearModule module, Path output) {
    float[] weights = weights(module, output);
    boolean[] kept = new boolean[weights.length];
    for (int i = 0; i < kept.length; i++) {
      kept[i] = weights[i] != 0;
    }
    return kept;
  }

  /** Returns a module's weights in a model directory, row by row. */
  static float[] weights(LinearModule module, Path directory) {
    byte[] bytes;
    try (SafetensorsFile shard =
        SafetensorsFile.open(directory.resolve(module.shard().path().getFileName()))) {
      bytes = TensorBytes.of(shard, module.tensor());
    }
    RowReader weights = module.rows(MemorySegment.ofArray(bytes));
    float[] values = new float[weights.rows() * weights.columns()];
    for (int row = 0; row < weights.rows(); row++) {
      weights.read(row, 0, weights.columns(), values, row * weights.columns());
    }
    return values;
  }
}
