package engine.jlama;

import static engine.testing.Agreement.HALF;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.github.tjake.jlama.model.AbstractModel;
import com.github.tjake.jlama.model.ModelSupport;
import com.github.tjake.jlama.safetensors.DType;
import com.github.tjake.jlama.safetensors.SafeTensorSupport;
import com.github.tjake.jlama.safetensors.WeightLoader;
import com.github.tjake.jlama.tensor.AbstractTensor;
import com.github.tjake.jlama.tensor.KvBufferCache;
import engine.testing.Agreement;
import engine.testing.TinyLlama;
import io.github.wandacuda.Criterion;
import io.github.wandacuda.library.Pruner;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** Weights pruned while Jlama loads them, and norms of its forward pass. */
class JlamaTest {
  private static final int GENERATED = 64;

  /** Jlama's own logits differ so from run to run: by 0.0075 of up to 20, where they do. */
  private static final double MOST_DIFFERENCE = 0.1;

  @Test
  void prunedWhileItLoadsItGeneratesWhatThePrunedDirectoryDoes() throws IOException {
    Map<String, Criterion> criteria = TinyLlama.criteria(TinyLlama.statistics());
    int[] prompt = Arrays.copyOf(TinyLlama.samples()[0], 16);
    try (Pruner pruner = Pruner.open()) {
      Run dense = run(load(TinyLlama.MODEL, SafeTensorSupport::loadWeights), prompt);
      Run fromDisk = run(load(TinyLlama.pruned(), SafeTensorSupport::loadWeights), prompt);
      Run whileLoading =
          run(
              load(
                  TinyLlama.MODEL,
                  folder ->
                      new PruningLoader(
                          SafeTensorSupport.loadWeights(folder), criteria, pruner, HALF)),
              prompt);
      Agreement tokens = Agreement.of(whileLoading.tokens(), fromDisk.tokens());
      Agreement logits = Agreement.of(whileLoading.logits(), fromDisk.logits());
      double difference = difference(whileLoading.logits(), fromDisk.logits());
      System.out.printf(
          "Jlama: tokens equal to the pruned directory's: %s; logits: %s, the others by at most"
              + " %.1e off; to the dense model's: %s, %s%n",
          tokens,
          logits,
          difference,
          Agreement.of(whileLoading.tokens(), dense.tokens()),
          Agreement.of(whileLoading.logits(), dense.logits()));
      assertTrue(tokens.isComplete(), tokens.toString());
      assertTrue(difference < MOST_DIFFERENCE, "logits differ by " + difference);
      assertTrue(Agreement.of(whileLoading.logits(), dense.logits()).fraction() < 0.01);
    }
  }

  @Test
  void packedItGeneratesWhatThePrunedDirectoryDoes() throws Exception {
    int[] prompt = Arrays.copyOf(TinyLlama.samples()[0], 16);
    Run expected = run(load(TinyLlama.pruned(), SafeTensorSupport::loadWeights), prompt);
    Path packed = TinyLlama.packed();
    try (PackedProducts products = new PackedProducts(TinyLlama.shards(packed))) {
      Run found =
          run(
              load(packed, folder -> products.loader(SafeTensorSupport.loadWeights(folder))),
              prompt);
      Agreement tokens = Agreement.of(found.tokens(), expected.tokens());
      double difference = difference(found.logits(), expected.logits());
      System.out.printf(
          "Jlama, packed: tokens equal to the pruned directory's: %s; logits within %.1e%n",
          tokens, difference);
      assertTrue(tokens.isComplete(), tokens.toString());
      assertTrue(difference < MOST_DIFFERENCE, "logits differ by " + difference);
    }
  }

  @Test
  void itIsGivenTheWeightsOfThePrunedDirectory() throws Exception {
    try (Pruner pruner = Pruner.open();
        WeightLoader dense = SafeTensorSupport.loadWeights(TinyLlama.MODEL.toFile());
        WeightLoader fromDisk = SafeTensorSupport.loadWeights(TinyLlama.pruned().toFile())) {
      Map<String, Criterion> criteria = TinyLlama.criteria(TinyLlama.statistics());
      WeightLoader whileLoading = new PruningLoader(dense, criteria, pruner, HALF);
      long equal = 0;
      long bytes = 0;
      for (String name : dense.tensorInfoMap().keySet()) {
        MemorySegment found = whileLoading.load(name).getMemorySegment();
        MemorySegment expected = fromDisk.load(name).getMemorySegment();
        equal += found.mismatch(expected) == -1 ? found.byteSize() : 0;
        bytes += expected.byteSize();
      }
      System.out.printf(
          "Jlama: bytes of tensors equal to the directory's: %d of %d%n", equal, bytes);
      assertEquals(bytes, equal);
      assertTrue(bytes > 0);
    }
  }

  @Test
  void normsOfItsForwardPassGiveTheMasksOfCalibrate() throws Exception {
    try (Pruner pruner = Pruner.open();
        ObservedNorms norms = new ObservedNorms(pruner)) {
      AbstractModel model =
          load(TinyLlama.MODEL, folder -> norms.naming(SafeTensorSupport.loadWeights(folder)));
      for (int[] sample : TinyLlama.samples()) {
        try (KvBufferCache cache = new KvBufferCache(model);
            KvBufferCache.KvBuffer positions = cache.getEphemeralKvBuffer()) {
          model.batchForward(sample, 0, positions);
        }
      }
      Agreement masks =
          Agreement.ofMasks(
              pruner,
              TinyLlama.matrices(TinyLlama.MODEL),
              norms.criteria(TinyLlama.SAMPLES),
              TinyLlama.criteria(TinyLlama.statistics()));
      System.out.printf("Jlama: mask bits equal to calibrate's: %s%n", masks);
      assertTrue(masks.fraction() > 0.9995, masks.toString());
    }
  }

  private record Run(int[] tokens, float[] logits) {}

  private static AbstractModel load(Path model, Function<File, WeightLoader> loader) {
    return ModelSupport.loadModel(
        AbstractModel.InferenceType.FULL_GENERATION,
        model.toAbsolutePath().toFile(),
        null,
        DType.F32,
        DType.F32,
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        loader);
  }

  /** Takes the likeliest token each time. */
  private static Run run(AbstractModel model, int[] prompt) {
    int[] tokens = new int[GENERATED];
    List<float[]> all = new ArrayList<>();
    try (KvBufferCache cache = new KvBufferCache(model);
        KvBufferCache.KvBuffer positions = cache.getEphemeralKvBuffer()) {
      AbstractTensor<?, ?> last = model.batchForward(prompt, 0, positions);
      last = last.slice(last.shape().first() - 1);
      for (int i = 0; i < GENERATED; i++) {
        float[] logits = model.getLogits(last);
        all.add(logits);
        tokens[i] = highest(logits);
        last = model.forward(tokens[i], prompt.length + i, positions, Optional.empty());
      }
    }
    float[] logits = new float[GENERATED * all.getFirst().length];
    for (int i = 0; i < GENERATED; i++) {
      System.arraycopy(all.get(i), 0, logits, i * all.get(i).length, all.get(i).length);
    }
    return new Run(tokens, logits);
  }

  private static double difference(float[] first, float[] second) {
    double largest = 0;
    for (int i = 0; i < first.length; i++) {
      largest = Math.max(largest, Math.abs(first[i] - second[i]));
    }
    return largest;
  }

  private static int highest(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }
}
