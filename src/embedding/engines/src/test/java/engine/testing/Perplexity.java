package engine.testing;

import java.nio.file.Path;
import java.util.regex.Pattern;

/** The exponential of the mean negative log-likelihood of each next token. */
public final class Perplexity {
  private static final Pattern PRINTED = Pattern.compile("\"perplexity\" : ([\\d.]+)");

  private double sum;
  private long count;

  /** Adds the probability that a model gives to a next token. */
  public void add(double probability) {
    sum -= Math.log(probability);
    count++;
  }

  /** Returns that of what was added. */
  public double value() {
    return Math.exp(sum / count);
  }

  /** Returns what this program says of a model on {@link TinyLlama#samples}. */
  public static double printed(Path model) {
    return printed(model, TinyLlama.tokens());
  }

  /** Returns what this program says of a model on a file's lists of token ids. */
  public static double printed(Path model, Path tokens) {
    String printed =
        Program.wandaCuda("perplexity", "--model", model, "--tokens", tokens, "--json");
    return PRINTED
        .matcher(printed)
        .results()
        .mapToDouble(number -> Double.parseDouble(number.group(1)))
        .findFirst()
        .orElseThrow();
  }
}
