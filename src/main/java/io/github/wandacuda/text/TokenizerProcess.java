package io.github.wandacuda.text;

import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.ThisRuntime;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * The tokenizer of a {@code tokenizer.json} in a process of its own. On some broken files the
 * native library ends the process that it runs in (one example is a SentencePiece normalizer whose
 * table points beyond its end). In a process of its own that is an error like any other.
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
          "RUST_FLAVOR",
          "slf4j.provider",
          "slf4j.internal.verbosity",
          "org.slf4j.simpleLogger.log.ai.djl");

  /** Options for the program's own JVM, which may name a debugger's port or a log file. */
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
    errors = new StderrExcerpt(process.errorReader(StandardCharsets.UTF_8));
    texts = new DataOutputStream(new BufferedOutputStream(process.getOutputStream(), BUFFER));
    answers = new DataInputStream(new BufferedInputStream(process.getInputStream(), BUFFER));
    atShutdown = new Thread(process::destroyForcibly, "wanda-cuda-tokenizer-end");
    Runtime.getRuntime().addShutdownHook(atShutdown);
  }

  /**
   * Opens a tokenizer, see {@link DjlTokenizer#open}, and waits until the process has read it.
   *
   * @return a tokenizer whose process runs until the caller closes it, or this JVM ends
   * @throws InputException if there is none, or it is unreadable, no tokenizer, or one that the
   *     library breaks down on
   * @throws BackendUnavailableException if the native library can't be loaded or the process can't
   *     be started
   */
  public static TokenizerProcess open(TokenizerSource source) {
    byte[] json = source.json();
    TokenizerProcess tokenizer = new TokenizerProcess(source.file(), start(source.file()));
    int unused = OnFailure.close(tokenizer::close, () -> tokenizer.ask(() -> tokenizer.hand(json)));
    return tokenizer;
  }

  /** Hands the process the tokenizer and waits until it is open. */
  private int hand(byte[] json) throws IOException {
    TokenizerServer.write(texts, json);
    return answer();
  }

  private static Process start(Path file) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // It runs for seconds, mostly in native code. Its own messages say why it fails.
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
    command.addAll(List.of("-cp", ThisRuntime.classPath()));
    command.add(TokenizerServer.class.getName());
    command.add(Long.toString(ProcessHandle.current().pid()));
    command.add(file.toString());
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().keySet().removeAll(NOT_HANDED_ON);
    try {
      return builder.start();
    } catch (IOException e) {
      throw new BackendUnavailableException(
          "the tokenizer's process cannot be started: " + Printable.firstLine(e), e);
    }
  }

  @Override
  public int[] encode(String text, boolean special) {
    return ask(
        () -> {
          if (Utf8.hasLoneSurrogate(text)) {
            throw new IllegalArgumentException("the text holds half a surrogate pair");
          }
          texts.write(special ? TokenizerServer.ENCODE : TokenizerServer.ENCODE_PLAINLY);
          TokenizerServer.write(texts, text.getBytes(StandardCharsets.UTF_8));
          return TokenizerServer.ids(answers, answer());
        });
  }

  @Override
  public String decode(int[] ids) {
    return ask(
        () -> {
          texts.write(TokenizerServer.DECODE);
          TokenizerServer.write(texts, ids);
          return new String(answers.readNBytes(answer()), StandardCharsets.UTF_8);
        });
  }

  /**
   * Asks the process one question at a time.
   *
   * @param question writes it and reads the answer
   */
  private synchronized <T> T ask(InputFile.Reading<T> question) {
    if (closed) {
      throw new IllegalStateException("the tokenizer is closed");
    }
    try {
      return question.read();
    } catch (IOException e) {
      throw brokenDown(e);
    }
  }

  /**
   * Sends the question and returns the length of its answer.
   *
   * @throws InputException if the answer is that the file or the text is at fault
   * @throws BackendUnavailableException if it is that there is no library
   */
  private int answer() throws IOException {
    texts.flush();
    int length = answers.readInt();
    if (length == TokenizerServer.UNAVAILABLE) {
      throw new BackendUnavailableException(TokenizerServer.failure(answers));
    }
    if (length == TokenizerServer.FAILED) {
      throw new InputException(TokenizerServer.failure(answers));
    }
    return length;
  }

  /** Returns the failure of a process that has ended in the middle of a question. */
  private RuntimeException brokenDown(IOException cause) {
    // A terminal sends its signals to both processes, and the other one may end first.
    CancelledException.throwIfInterrupted();
    if (wasToldToEnd()) {
      return new CancelledException(cause);
    }
    return ErrorDetails.file(file)
        .hint("save it again with the version of tokenizers that the model was made with")
        .broken("the tokenizer library broke down on it: " + Printable.of(errors.reason()), cause);
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
      // This process is ending, so the hook runs anyway.
      return;
    }
  }

  /** The first lines that a process writes to its standard error. */
  private static final class StderrExcerpt {
    private static final int KEPT = 50;
    private static final long PATIENCE_MILLIS = 5_000;

    private final List<String> lines = new ArrayList<>();
    private final Thread reader;

    /** Starts a thread that reads, so that the process never waits for its output to be read. */
    StderrExcerpt(BufferedReader errors) {
      reader = Thread.ofPlatform().daemon().name("tokenizer-errors").start(() -> read(errors));
    }

    private void read(BufferedReader errors) {
      try (errors) {
        for (String line = errors.readLine(); line != null; line = errors.readLine()) {
          add(line);
        }
      } catch (IOException e) {
        add(Printable.reason(e));
      }
    }

    private synchronized void add(String line) {
      if (lines.size() < KEPT) {
        lines.add(line.strip());
      }
    }

    /**
     * Returns why the process has ended: the reason of a Rust panic, which is on the line after the
     * one that says where, or else the first line.
     */
    String reason() {
      try {
        reader.join(PATIENCE_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      synchronized (this) {
        for (int at = 0; at + 1 < lines.size(); at++) {
          if (lines.get(at).contains(" panicked at ")) {
            return lines.get(at + 1);
          }
        }
        return lines.isEmpty() ? "it ended without a word" : lines.get(0);
      }
    }
  }
}
