package io.github.wandacuda.families;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.job.Calibration;
import io.github.wandacuda.job.RunResult;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.InputObserver;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.Unreached;
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
  final float[] logits(Decoder decoder, int[] sample) {
    try (Tensor hidden = backend.operations().tensor(sample.length, decoder.hiddenSize())) {
      decoder.embed(sample, sample.length, hidden);
      for (int index = 0; index < decoder.blocks(); index++) {
        try (Block block = decoder.block(index)) {
          block.forward(hidden, sample.length, InputObserver.NONE);
        }
      }
      Tensor logits = decoder.logits(hidden);
      float[] values = new float[logits.rows() * logits.columns()];
      backend.operations().download(logits, MemorySegment.ofArray(values));
      return values;
    }
  }

  final RunResult prune(Backend on, Calibration calibration, Path output) {
    return Pruning.prune(
        model,
        Pruning.request(
            output, Method.WANDA, Pruning.HALF, ALL, calibration, true, false, Unreached.MAGNITUDE),
        on);
  }

  /**
   * Returns whether each weight of a module of the source was kept in the output, row by row; none
   * of the source was zero.
   */
  static boolean[] kept(LinearModule module, Path output) {
    byte[] bytes;
    try (SafetensorsFile shard =
        SafetensorsFile.open(output.resolve(module.shard().path().getFileName()))) {
      bytes = TensorBytes.of(shard, module.tensor());
    }
    WeightMatrix weights = module.view(MemorySegment.ofArray(bytes));
    boolean[] kept = new boolean[weights.rows() * weights.columns()];
    for (int i = 0; i < kept.length; i++) {
      kept[i] = weights.get(i / weights.columns(), i % weights.columns()) != 0;
    }
    return kept;
  }
}
