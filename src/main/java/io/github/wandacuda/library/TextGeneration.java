package io.github.wandacuda.library;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.Generation;
import io.github.wandacuda.evaluate.OpenDecoder;
import io.github.wandacuda.evaluate.SpecialTokens;
import io.github.wandacuda.evaluate.TextStream;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.job.estimate.GenerateNeeds;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.text.TokenLists;
import io.github.wandacuda.text.Tokenizer;
import java.util.Optional;

/**
 * What {@link ModelJobs#generate} does.
 *
 * @param limit new tokens at most
 * @param tokenizer turns them into text, if that is wanted
 */
record TextGeneration(
    ModelDirectory model,
    Backend backend,
    int limit,
    Sampling sampling,
    Optional<Tokenizer> tokenizer) {
  TextGeneration {
    if (limit < 1) {
      throw new UsageException("limit: expected 1 or more, found " + limit);
    }
  }

  ModelJobs.GeneratedText run(int[] prompt) {
    DecoderShape shape = DecoderFamilies.shape(model);
    TokenLists.requirePrompt(
        shape.maximumLength(), shape.vocabulary(), prompt, ErrorDetails.of("prompt"));
    int most = Math.min(limit, shape.maximumLength() - prompt.length);
    int length = prompt.length + most;
    Operations operations = backend.operations();
    GenerateNeeds.Keeping keeping = GenerateNeeds.keeping(model, operations, length);
    try (OpenDecoder decoder = OpenDecoder.of(model, operations, keeping.weights(), length)) {
      Generation generation =
          Generation.run(
              decoder.cached(),
              prompt,
              most,
              sampling.begin(),
              SpecialTokens.ends(model.config()),
              id -> {});
      return new ModelJobs.GeneratedText(
          prompt.length,
          generation.tokens(),
          tokenizer.map(of -> TextStream.of(of, prompt, generation.tokens())),
          generation.promptSeconds(),
          generation.tokensPerSecond(),
          keeping.tokenBytes(model, operations));
    }
  }
}
