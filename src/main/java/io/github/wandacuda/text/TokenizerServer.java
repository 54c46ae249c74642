package io.github.wandacuda.text;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.system.ParentTie;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * The program that {@link TokenizerProcess} starts: it tokenizes texts from its standard input
 * until that ends.
 *
 * <p>It first reads the {@code tokenizer.json}, as its length and its bytes, and answers {@link
 * #READY} if the tokenizer could be opened. Each question is a byte that says which, and then:
 *
 * <ul>
 *   <li>for {@link #ENCODE} and {@link #ENCODE_PLAINLY}, the length of a text in bytes and its
 *       UTF-8; the answer is the number of tokens and their ids;
 *   <li>for {@link #DECODE}, the number of token ids and the ids; the answer is a text in the same
 *       form.
 * </ul>
 *
 * <p>If any of this fails, the answer is a number below 0 that says how, and what is wrong, in
 * JSON, as a text. Numbers have four bytes, the highest first.
 *
 * @param in the questions
 * @param out the answers
 */
record TokenizerServer(DataInputStream in, DataOutputStream out) {
  /** The tokenizer is open. */
  static final int READY = 0;

  /** The file or the text is at fault. */
  static final int FAILED = -1;

  /** There is no library that could be loaded. */
  static final int UNAVAILABLE = -2;

  /** Asks for a text's tokens without special ones. */
  static final int ENCODE_PLAINLY = 0;

  /** Asks for a text's tokens with special ones. */
  static final int ENCODE = 1;

  /** Asks for the text of tokens. */
  static final int DECODE = 2;

  private static final int BUFFER = 1 << 16;
  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * Runs the program until its standard input or the process that started it ends.
   *
   * @param args the pid of the process that started it, and the file that the tokenizer was read
   *     from, for messages
   */
  public static void main(String[] args) throws IOException {
    ParentTie.to(Long.parseLong(args[0]));
    PrintStream answers = System.out;
    System.setOut(System.err);
    new TokenizerServer(
            new DataInputStream(new BufferedInputStream(System.in, BUFFER)),
            new DataOutputStream(new BufferedOutputStream(answers, BUFFER)))
        .serve(Path.of(args[1]));
    // The thread of the tie would keep the JVM alive after main.
    System.exit(0);
  }

  private void serve(Path file) throws IOException {
    byte[] json = in.readNBytes(in.readInt());
    try (DjlTokenizer tokenizer = DjlTokenizer.open(file, json)) {
      out.writeInt(READY);
      out.flush();
      for (int question = in.read(); question >= 0; question = in.read()) {
        answer(tokenizer, question);
        out.flush();
      }
    } catch (WandaException e) {
      fail(e);
      out.flush();
    } catch (NoClassDefFoundError e) {
      // A program that embeds the library adds it where it has texts.
      fail(
          new BackendUnavailableException(
              "texts need the dependency ai.djl.huggingface:tokenizers, which is missing", e));
      out.flush();
    }
  }

  private void answer(DjlTokenizer tokenizer, int question) throws IOException {
    try {
      if (question == DECODE) {
        write(out, tokenizer.decode(ids(in, in.readInt())).getBytes(StandardCharsets.UTF_8));
      } else {
        String text = new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
        write(out, tokenizer.encode(text, question == ENCODE));
      }
    } catch (WandaException e) {
      fail(e);
    }
  }

  private void fail(WandaException e) throws IOException {
    out.writeInt(e instanceof BackendUnavailableException ? UNAVAILABLE : FAILED);
    write(out, JSON.writeValueAsString(e.details()).getBytes(StandardCharsets.UTF_8));
  }

  /** Writes a text in UTF-8, behind its length. */
  static void write(DataOutputStream out, byte[] text) throws IOException {
    out.writeInt(text.length);
    out.write(text);
  }

  /** Writes token ids behind their number. */
  static void write(DataOutputStream out, int[] ids) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(ids.length, Integer.BYTES));
    bytes.asIntBuffer().put(ids);
    out.writeInt(ids.length);
    out.write(bytes.array());
  }

  /**
   * Reads token ids.
   *
   * @param count how many, which was read before
   */
  static int[] ids(DataInputStream in, int count) throws IOException {
    byte[] bytes = new byte[Math.multiplyExact(count, Integer.BYTES)];
    in.readFully(bytes);
    int[] ids = new int[count];
    ByteBuffer.wrap(bytes).asIntBuffer().get(ids);
    return ids;
  }

  /**
   * Reads what the program says that a failure is about, behind the number that says how it failed.
   */
  static ErrorDetails failure(DataInputStream answers) throws IOException {
    return JSON.readValue(answers.readNBytes(answers.readInt()), ErrorDetails.class);
  }
}
