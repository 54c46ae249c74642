package io.github.wandacuda.tokenizer;

import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.text.InputFailures;
import io.github.wandacuda.io.text.Utf8;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * The tokenizer of a {@code tokenizer.json} in a process of its own. The native library ends its
 * process where it meets what it didn't expect, the table of a SentencePiece normalizer that points
 * beyond its end for one: so it gets a process that may end, and a broken file is an error like any
 * other.
 */
public final class TokenizerProcess implements Tokenizer {
  private static final int BUFFER = 1 << 16;
  private static final long PATIENCE_SECONDS = 5;

  /** Exit codes after SIGINT and SIGTERM. */
  private static final Set<Integer> TOLD_TO_END = Set.of(130, 143);

  /** Properties that say where the library is unpacked and what it may do. */
  private static final List<String> HANDED_ON =
      List.of(
          "user.home",
          "java.io.tmpdir",
          "ai.djl.offline",
          "DJL_OFFLINE",
          "DJL_CACHE_DIR",
          "ENGINE_CACHE_DIR",
          "OPT_OUT_TRACKING",
          "RUST_FLAVOR");

  /** Options for the program's own JVM, which may be a debugger's port or a log file. */
  private static final List<String> NOT_HANDED_ON =
      List.of("JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS");

  private final Path file;
  private final Process process;
  private final StderrExcerpt errors;
  private final DataOutputStream texts;
  private final DataInputStream answers;
  private final Thread atShutdown;
  private boolean closed;

  private TokenizerProcess(Path file, Process process) {
    this.file = file;
    this.process = process;
    errors = StderrExcerpt.of(process.getErrorStream());
    texts = new DataOutputStream(new BufferedOutputStream(process.getOutputStream(), BUFFER));
    answers = new DataInputStream(new BufferedInputStream(process.getInputStream(), BUFFER));
    atShutdown = new Thread(process::destroyForcibly, "wanda-cuda-tokenizer-end");
    Runtime.getRuntime().addShutdownHook(atShutdown);
  }

  /**
   * Opens {@code tokenizer.json} of a model directory, see {@link DjlTokenizer#open}.
   *
   * @throws InputException if the file is missing, unreadable, no tokenizer, or one that the
   *     library breaks down on
   * @throws BackendUnavailableException if the native library or the process can't be had
   */
  public static TokenizerProcess open(Path modelDirectory) {
    Path file = modelDirectory.resolve("tokenizer.json");
    if (Files.exists(file)) {
      InputFile.require(file);
    }
    TokenizerProcess tokenizer = new TokenizerProcess(file, start(modelDirectory));
    try {
      tokenizer.requireReady();
      return tokenizer;
    } catch (RuntimeException | Error e) {
      tokenizer.close();
      throw e;
    }
  }

  private static Process start(Path modelDirectory) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // It lives for seconds, mostly in native code. Its failure is told by the lines before it.
    command.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:+SuppressFatalErrorMessage",
            "-XX:-UsePerfData",
            "-Xmx" + Runtime.getRuntime().maxMemory()));
    for (String name : HANDED_ON) {
      String value = System.getProperty(name);
      if (value != null) {
        command.add("-D" + name + "=" + value);
      }
    }
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(TokenizerServer.class.getName());
    command.add(Long.toString(ProcessHandle.current().pid()));
    command.add(modelDirectory.toString());
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().keySet().removeAll(NOT_HANDED_ON);
    try {
      return builder.start();
    } catch (IOException e) {
      throw new BackendUnavailableException(
          "the tokenizer's process cannot be started: " + InputFailures.firstLine(e), e);
    }
  }

  private void requireReady() {
    try {
      int status = answers.readInt();
      if (status == TokenizerServer.UNAVAILABLE) {
        throw new BackendUnavailableException(TransferredError.read(answers));
      }
      if (status != TokenizerServer.READY) {
        throw new InputException(TransferredError.read(answers));
      }
    } catch (IOException e) {
      throw brokenDown(e);
    }
  }

  @Override
  public synchronized int[] encode(String text) {
    if (closed) {
      throw new IllegalStateException("the tokenizer is closed");
    }
    if (Utf8.hasLoneSurrogate(text)) {
      throw new IllegalArgumentException("the text holds half a surrogate pair");
    }
    try {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      texts.writeInt(bytes.length);
      texts.write(bytes);
      texts.flush();
      int count = answers.readInt();
      if (count == TokenizerServer.FAILED) {
        throw new InputException(TransferredError.read(answers));
      }
      byte[] ids = new byte[Math.multiplyExact(count, Integer.BYTES)];
      answers.readFully(ids);
      int[] tokens = new int[count];
      ByteBuffer.wrap(ids).asIntBuffer().get(tokens);
      return tokens;
    } catch (IOException e) {
      throw brokenDown(e);
    }
  }

  private RuntimeException brokenDown(IOException cause) {
    // Whoever ends this process ends the other one too: a terminal tells both, in either order.
    CancelledException.throwIfInterrupted();
    if (wasToldToEnd()) {
      return new CancelledException(cause);
    }
    return new InputException(
        ErrorDetails.file(file)
            .said("the tokenizer library broke down on it: " + Printable.of(errors.reason()))
            .hint("save it again with the version of tokenizers that the model was made with"),
        cause);
  }

  private boolean wasToldToEnd() {
    try {
      return process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)
          && TOLD_TO_END.contains(process.exitValue());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return true;
    }
  }

  @Override
  public String source() {
    return file.toString();
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      texts.close();
    } catch (IOException e) {
      // It has ended already, or it ends now.
      process.destroyForcibly();
    }
    try {
      if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    try {
      Runtime.getRuntime().removeShutdownHook(atShutdown);
    } catch (IllegalStateException e) {
      // This process is ending, so that the hook has its use.
      return;
    }
  }
}
