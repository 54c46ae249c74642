package io.github.wandacuda.evaluate;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamily;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.WeightKeeping;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.text.TokenLists;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;

/**
 * Calibration samples that a model writes itself at temperature 1 (Williams et al., arXiv
 * 2410.17170). Each begins with the token by which the model's config says that texts begin; where
 * it names none, with one that is drawn, all being equally likely. After a token that ends a text,
 * another text begins in the same way.
 */
public final class OwnSamples {
  private final OptionalInt begin;
  private final Set<Integer> ends;
  private final Sampler sampler;
  private final Random random;
  private final int vocabulary;

  private OwnSamples(ModelDirectory model, long seed) {
    begin = SpecialTokens.begin(model.config());
    ends = SpecialTokens.ends(model.config());
    sampler = Sampler.of(1, 1, seed);
    // Another sequence than the sampler's.
    random = new Random(~seed);
    vocabulary = DecoderFamilies.shape(model).vocabulary();
    begin.ifPresent(
        id ->
            TokenLists.requireKnown(
                vocabulary,
                new int[] {id},
                ErrorDetails.part(model.config().file(), "bos_token_id")));
  }

  /**
   * Writes samples, one after the other; the first ones are the same however many follow.
   *
   * @param operations what the model is run by; their rounding decides what is drawn
   * @param count of samples
   * @param length of each, in tokens
   * @param seed of all draws
   * @param progress told after each sample
   * @return the ids [count][length]
   * @throws io.github.wandacuda.error.InputException if a logit isn't finite, or the model begins
   *     texts with a token outside its vocabulary
   */
  public static int[][] write(
      ModelDirectory model,
      Operations operations,
      int count,
      int length,
      long seed,
      Progress progress) {
    OwnSamples samples = new OwnSamples(model, seed);
    int[][] tokens = new int[count][length];
    DecoderFamily family = DecoderFamilies.of(model.config());
    try (Decoder decoder = family.open(model, operations, WeightKeeping.RESIDENT);
        CachedDecoder cached = new CachedDecoder(decoder, length)) {
      progress.begin(0);
      for (int sample = 0; sample < count; sample++) {
        cached.truncate(0);
        samples.fill(tokens[sample], cached);
        progress.step("own sample", sample + 1, count);
      }
    }
    return tokens;
  }

  private void fill(int[] tokens, CachedDecoder decoder) {
    tokens[0] = first();
    for (int at = 1; at < tokens.length; at++) {
      int last = tokens[at - 1];
      float[] logits = decoder.next(last);
      // Some models have one token for both.
      boolean ended = ends.contains(last) && last != begin.orElse(-1);
      tokens[at] = ended ? first() : sampler.choose(logits);
    }
  }

  private int first() {
    return begin.orElseGet(() -> random.nextInt(vocabulary));
  }
}
