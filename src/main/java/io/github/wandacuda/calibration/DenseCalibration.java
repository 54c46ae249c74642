package io.github.wandacuda.calibration;

import io.github.wandacuda.calibration.Statistics.GramFile;
import io.github.wandacuda.checkpoint.SafetensorsWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;

/** Computes the statistics of the dense model in one pass over the samples; nothing is pruned. */
public final class DenseCalibration {
  private DenseCalibration() {}

  /** Takes a block's second moments, which are valid only during the call. */
  @FunctionalInterface
  interface Moments<E extends Exception> {
    void take(Map<String, Gram> grams) throws E;
  }

  /**
   * Runs all samples through all blocks.
   *
   * @param samples token ids, all lists of the same length, at least one
   * @param wanted in which ways the experts of mixtures are scored
   * @return the norms of all linear modules, and the scores that were asked for
   * @throws io.github.wandacuda.error.InputException if an activation isn't finite
   */
  public static Statistics run(
      Decoder decoder, List<int[]> samples, Collection<ExpertScore> wanted, Progress progress) {
    return run(decoder, samples, wanted, progress, null);
  }

  /**
   * Runs all samples through all blocks.
   *
   * @param moments takes the second moments of each block before the next one runs; null to sum no
   *     more than norms
   */
  static <E extends Exception> Statistics run(
      Decoder decoder,
      List<int[]> samples,
      Collection<ExpertScore> wanted,
      Progress progress,
      Moments<E> moments)
      throws E {
    SortedMap<String, float[]> norms = new TreeMap<>();
    SortedMap<String, float[]> experts = new TreeMap<>();
    try (BlockwiseRun run = new BlockwiseRun(decoder, samples)) {
      SampleProgress passing = new SampleProgress(progress, decoder.blocks(), 1);
      run.watchedBy(passing);
      passing.overBlocks(
          0,
          index -> {
            try (Block block = decoder.block(index);
                Arena memory = Arena.ofShared()) {
              decoder.readAhead(index + 1);
              ExpertSums sums = new ExpertSums(wanted);
              BlockStatistics found =
                  run.observeAndAdvance(block, moments == null ? null : memory, sums);
              experts.putAll(sums.scores());
              norms.putAll(found.norms());
              if (moments != null) {
                moments.take(found.grams());
              }
            }
          });
    }
    return new Statistics(norms, experts, samples.size(), samples.get(0).length, false);
  }

  /**
   * Runs samples through one block as {@link #run} does through each, and drops the scores. It is
   * there to measure how long that takes.
   */
  public static void score(BlockwiseRun run, Block block, Collection<ExpertScore> wanted) {
    BlockStatistics unused = run.observeAndAdvance(block, null, new ExpertSums(wanted));
  }

  /**
   * A statistics file with second moments. While it is written the dense model runs over the
   * samples, block by block, and each block's second moments are written before the next block
   * runs, so that memory holds one block's. The norms are the last tensors.
   *
   * @param samples token ids, all lists of the same length
   * @param joined whether they were drawn from documents that were joined
   * @param inputFeatures the input features of each of the decoder's linear modules
   * @param norms takes the norms while the file is written
   */
  public record MomentsCalibration(
      Decoder decoder,
      List<int[]> samples,
      boolean joined,
      ToIntFunction<String> inputFeatures,
      Progress progress,
      SortedMap<String, float[]> norms)
      implements AtomicWrite.Content {
    /**
     * Prepares a statistics file of a model's samples; nothing runs before the file is written.
     *
     * @param decoder the model's, on one device
     */
    public static MomentsCalibration of(
        ModelDirectory model, Decoder decoder, CalibrationSamples samples, Progress progress) {
      Map<String, Integer> features =
          model.modules().stream()
              .collect(Collectors.toMap(LinearModule::name, LinearModule::columns));
      return new MomentsCalibration(
          decoder,
          List.of(samples.tokens()),
          samples.joined(),
          features::get,
          progress,
          new TreeMap<>());
    }

    /** Bytes that are written at a time. */
    private static final long PART_BYTES = 8 << 20;

    @Override
    public void writeTo(OutputStream out) throws IOException {
      norms.clear();
      out.write(
          SafetensorsWriter.header(SafetensorsWriter.layout(vectors()), statistics().metadata()));
      Statistics found =
          run(
              decoder,
              samples,
              List.of(),
              progress,
              grams -> {
                for (String module : decoder.linearModules()) {
                  if (grams.containsKey(module)) {
                    write(out, grams.get(module));
                  }
                }
              });
      norms.putAll(found.norms());
      for (float[] vector : norms.values()) {
        SafetensorsWriter.write(out, vector);
      }
    }

    /** Returns the file's tensors in the order in which they are written. */
    private List<TensorInfo> vectors() {
      List<TensorInfo> vectors = new ArrayList<>();
      for (String module : decoder.linearModules()) {
        long elements = Gram.elements(inputFeatures.applyAsInt(module));
        vectors.add(SafetensorsWriter.vector(module + GramFile.SUFFIX, elements));
      }
      for (String module : new TreeSet<>(decoder.linearModules())) {
        int features = inputFeatures.applyAsInt(module);
        vectors.add(SafetensorsWriter.vector(module + Statistics.SUFFIX, features));
      }
      return vectors;
    }

    private static void write(OutputStream out, Gram gram) throws IOException {
      MemorySegment triangle = gram.triangle();
      WritableByteChannel channel = Channels.newChannel(out);
      for (long from = 0; from < triangle.byteSize(); from += PART_BYTES) {
        long bytes = Math.min(PART_BYTES, triangle.byteSize() - from);
        channel.write(triangle.asSlice(from, bytes).asByteBuffer());
      }
    }

    /** Returns the statistics but for the second moments, once the file is written. */
    public Statistics statistics() {
      return new Statistics(norms, samples.size(), samples.get(0).length).joined(joined);
    }
  }
}
