package io.github.wandacuda.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The real llama.cpp, release v0.5.0, for the CPU: what node-llama-cpp publishes for Linux on
 * x86-64. It is fetched once, by {@code npm pack}, or lies where {@code LLAMA_LIB} says. Each model
 * is loaded in a process of its own, since some broken ones end it.
 */
public final class LlamaCpp {
  private static final String PACKAGE = "@node-llama-cpp/linux-x64@3.22.1";
  private static final String ARCHIVE = "node-llama-cpp-linux-x64-3.22.1.tgz";

  /** SHA-512 of the archive; the layouts in {@link LlamaCppProgram} are those of this version. */
  private static final String DIGEST =
      "5uCCDNqWCNfaAm8aR/Uzxbo4HBpKgNF91kCHPepKhgMgV2OAmatoefbOlMihsqCiH2Od35E/eUHQCFbfRBJuOg==";

  private static final Path WORK = Path.of("target", "llama.cpp");
  private static final Pattern PERPLEXITY = Pattern.compile("perplexity (\\S+)");

  private final Path libraries;

  private LlamaCpp(Path libraries) {
    this.libraries = libraries;
  }

  /** Returns it, or skips the test with the reason. */
  public static LlamaCpp assumePresent() {
    String given = System.getenv("LLAMA_LIB");
    if (given != null) {
      return new LlamaCpp(Path.of(given));
    }
    assumeTrue(
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64"),
        "skipped: llama.cpp is fetched for Linux on x86-64 alone; LLAMA_LIB may name its folder");
    Path libraries = WORK.resolve("package/bins/linux-x64");
    if (!Files.isDirectory(libraries)) {
      fetch();
    }
    return new LlamaCpp(libraries);
  }

  private static void fetch() {
    try {
      Files.createDirectories(WORK);
      assumeTrue(
          Command.of("npm", "pack", PACKAGE, "--pack-destination", WORK).succeeds(),
          "skipped: npm can't fetch %s; LLAMA_LIB may name a folder with llama.cpp's libraries"
              .formatted(PACKAGE));
      Path archive = WORK.resolve(ARCHIVE);
      byte[] digest = MessageDigest.getInstance("SHA-512").digest(Files.readAllBytes(archive));
      if (!DIGEST.equals(Base64.getEncoder().encodeToString(digest))) {
        throw new IllegalStateException(archive + " isn't what was published");
      }
      Command.of("tar", "xzf", archive, "-C", WORK).run().succeeds();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Loads a model and measures its perplexity as a float implementation would: keys and values in
   * float32, no weights packed anew. Weights that aren't float32 are multiplied as codes all the
   * same, with the activations quantized too.
   *
   * @param tokens lists of token ids in JSON, or a text, in a file named {@code .txt}
   * @return how it ended; {@link #perplexity} finds the number
   */
  public Ended run(Path model, Path tokens) {
    return Command.main(
            "--enable-native-access=ALL-UNNAMED", LlamaCppProgram.class, libraries, model, tokens)
        .with(Map.of("GGML_NO_BACKTRACE", "1"))
        .run();
  }

  /** Returns the tokens that a text becomes; the test fails if the model isn't loaded. */
  public int[] tokens(Path model, Path text) {
    String[] lines = run(model, text).succeeds().out().split("\\R");
    String ids = lines[lines.length - 1].replaceAll("[^0-9,]", "");
    return Arrays.stream(ids.split(",")).mapToInt(Integer::parseInt).toArray();
  }

  /** Returns a model's perplexity; the test fails if it isn't loaded. */
  public double perplexity(Path model, Path tokens) {
    Ended ended = run(model, tokens).succeeds();
    Matcher found = PERPLEXITY.matcher(ended.out());
    if (!found.find()) {
      throw new IllegalStateException(ended.said());
    }
    return Double.parseDouble(found.group(1));
  }
}
