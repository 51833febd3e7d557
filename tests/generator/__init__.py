"""Generated HTTP: requests in every broken shape against the real proxy, held to the normal form and to conservation."""
