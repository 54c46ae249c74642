/** A program that has modules: what it needs of wanda-cuda is this one line. */
module example.modular {
  requires io.github.wandacuda;
}
