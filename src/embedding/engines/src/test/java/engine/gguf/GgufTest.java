package engine.gguf;

import static engine.testing.Agreement.HALF;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import engine.testing.Agreement;
import engine.testing.Perplexity;
import engine.testing.TinyLlama;
import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.library.ColumnNorms;
import io.github.wandacuda.library.Pruner;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Weights in a mapped GGUF file, pruned where they lie under a running engine. */
class GgufTest {
  private static final GgufLlama.Observer NOBODY = (tensor, input) -> {};

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void prunedInPlaceItComputesWhatThePrunedDirectoryDoes(DType dtype) throws IOException {
    Path dense = folder.resolve("dense.gguf");
    Path pruned = folder.resolve("pruned.gguf");
    GgufWriter.write(TinyLlama.MODEL, dtype, dense);
    GgufWriter.write(TinyLlama.pruned(), dtype, pruned);
    byte[] before = Files.readAllBytes(dense);
    Map<String, Criterion> criteria = TinyLlama.criteria(TinyLlama.statistics());
    int[] tokens = TinyLlama.samples()[0];
    try (Arena arena = Arena.ofShared();
        Pruner pruner = Pruner.open()) {
      GgufFile file = map(dense, arena);
      float[] ofDense = logits(file, tokens);
      long weights = 0;
      for (Map.Entry<String, GgufFile.Tensor> tensor : file.tensors().entrySet()) {
        Optional<String> module = GgufModules.module(tensor.getKey());
        if (module.isPresent()) {
          weights +=
              pruner
                  .prune(GgufModules.matrix(tensor.getValue()), criteria.get(module.get()), HALF)
                  .pruned();
        }
      }
      float[] inPlace = logits(file, tokens);
      Agreement logits = Agreement.of(inPlace, logits(map(pruned, arena), tokens));
      System.out.printf(
          "GGUF, %s: pruned %d weights in place; logits equal to the pruned directory's: %s%n",
          dtype, weights, logits);
      assertEquals(552960, weights);
      assertTrue(logits.isComplete(), logits.toString());
      assertFalse(Agreement.of(inPlace, ofDense).fraction() > 0.01);
      assertArrayEquals(before, Files.readAllBytes(dense), "a private mapping, so the file stays");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "--structure channels --sparsity 0.2 --update none",
        "--structure channels --sparsity 0.2 --update realign",
        "--structure heads --remove 1 --update none",
        "--structure blocks --remove 1 --update none",
        "--structure auto --sparsity 0.3 --update none"
      })
  void theEngineComputesWhatThisProgramDoes(String smaller) throws IOException {
    Path model = smaller.isEmpty() ? TinyLlama.MODEL : TinyLlama.smaller(smaller);
    Path file = folder.resolve("model.gguf");
    GgufWriter.write(model, DType.BF16, file);
    double expected = Perplexity.printed(model);
    try (Arena arena = Arena.ofShared()) {
      double perplexity = perplexity(map(file, arena), TinyLlama.samples());
      System.out.printf(
          "GGUF, %s: perplexity %.9f, wanda-cuda's %.9f%n", smaller, perplexity, expected);
      assertEquals(expected, perplexity, 1e-5 * expected);
    }
  }

  /** Files that {@code prune} writes of a file, and the one that it reads. */
  @ParameterizedTest
  @CsvSource({
    "'', true",
    "--structure channels --sparsity 0.5, true",
    "--structure blocks --score influence --remove 1, true",
    "--structure heads --sparsity 0.5, false"
  })
  void smallerFilesAreLoaded(String options, boolean asItsSource) throws IOException {
    Path model = TinyLlama.GGUF.resolve("arch/llama-gqa-F32.gguf");
    Path tokens = TinyLlama.GGUF.resolve("tokens/arch-llama-gqa.json");
    Path file = options.isEmpty() ? model : folder.resolve("smaller.gguf");
    if (!options.isEmpty()) {
      TinyLlama.removeParts(model, tokens, file, options);
    }
    double expected = Perplexity.printed(file, tokens);
    try (Arena arena = Arena.ofShared()) {
      GgufFile smaller = map(file, arena);
      double perplexity = perplexity(smaller, TinyLlama.lists(tokens));
      System.out.printf(
          "GGUF without %s: perplexity %.9f, wanda-cuda's %.9f%n", options, perplexity, expected);
      assertEquals(expected, perplexity, 1e-5 * expected);
      List<String> objections = Llama3JavaLoader.objections(smaller);
      List<String> ofSource = Llama3JavaLoader.objections(map(model, arena));
      // The small model has no tokenizer; that is all that llama3.java lacks.
      assertEquals(List.of("tokenizer.ggml.model is none"), ofSource);
      if (asItsSource) {
        assertEquals(ofSource, objections);
      } else {
        assertTrue(objections.contains("blk.0.attn_q isn't [32, 32]"), objections.toString());
      }
    }
  }

  @Test
  void normsOfItsForwardPassGiveTheMasksOfCalibrate() throws IOException {
    Path dense = folder.resolve("dense.gguf");
    GgufWriter.write(TinyLlama.MODEL, DType.BF16, dense);
    Map<String, ColumnNorms> norms = new HashMap<>();
    try (Arena arena = Arena.ofShared();
        Pruner pruner = Pruner.open()) {
      GgufFile file = map(dense, arena);
      GgufLlama.Observer observer =
          (tensor, input) ->
              GgufModules.module(tensor)
                  .ifPresent(
                      module ->
                          norms
                              .computeIfAbsent(module, name -> pruner.columnNorms(input.length))
                              .add(input, 0, 1));
      for (int[] sample : TinyLlama.samples()) {
        GgufLlama model = new GgufLlama(file, observer);
        for (int position = 0; position < sample.length; position++) {
          model.forward(sample[position], position);
        }
      }
      Map<String, Criterion> criteria = new HashMap<>();
      norms.forEach((module, sums) -> criteria.put(module, sums.toCriterion(TinyLlama.SAMPLES)));
      Agreement masks =
          Agreement.ofMasks(
              pruner,
              TinyLlama.matrices(TinyLlama.MODEL),
              criteria,
              TinyLlama.criteria(TinyLlama.statistics()));
      System.out.printf("GGUF: mask bits equal to calibrate's: %s%n", masks);
      assertTrue(masks.fraction() > 0.9999, masks.toString());
      norms.values().forEach(ColumnNorms::close);
    }
  }

  private static GgufFile map(Path file, Arena arena) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      return new GgufFile(channel.map(FileChannel.MapMode.PRIVATE, 0, channel.size(), arena));
    }
  }

  private static float[] logits(GgufFile file, int[] tokens) {
    GgufLlama model = new GgufLlama(file, NOBODY);
    float[] all = new float[0];
    for (int position = 0; position < tokens.length; position++) {
      float[] logits = model.forward(tokens[position], position);
      if (position == 0) {
        all = new float[logits.length * tokens.length];
      }
      System.arraycopy(logits, 0, all, position * logits.length, logits.length);
    }
    return all;
  }

  private static double perplexity(GgufFile file, int[][] windows) {
    Perplexity perplexity = new Perplexity();
    for (int[] window : windows) {
      GgufLlama model = new GgufLlama(file, NOBODY);
      for (int position = 0; position + 1 < window.length; position++) {
        float[] logits = model.forward(window[position], position);
        double total = 0;
        for (float logit : logits) {
          total += Math.exp(logit);
        }
        perplexity.add(Math.exp(logits[window[position + 1]]) / total);
      }
    }
    return perplexity.value();
  }
}
